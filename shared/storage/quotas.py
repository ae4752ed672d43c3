"""Limits the number of sessions of a resource, and of active sessions of a caller.

Counting costs a query. So the first session for a resource or of a caller in a process is not counted, since a resource
usually gets one session a quarter; after that one count allows a tenth of the sessions that are left. Both limits may
be exceeded by a tenth, and by one, for each process of the app. Table ``callers`` lists the sessions that a caller
created. When the list reaches the limit, each of its sessions is read, and those that are no longer active are removed
from it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from shared.core.errors import TOO_MANY_REQUESTS, TOO_MANY_SESSIONS, GraphError
from shared.core.ids import id_time, utc_now
from shared.core.settings import Settings
from shared.domain.lifecycle import status_at
from shared.domain.sessions import ResourceKey, SessionKey, Status
from shared.storage.session_table import CREATE_TAKES_AT_MOST, SessionTable
from shared.storage.table import Table

# How long the result of a count is used for a resource or caller at its limit.
FULL_SECONDS = 60

_MAX_REMEMBERED = 10_000
_READ_AT_ONCE = 16


class Allowance:
    """How many more this process may create, for each name, before they are counted again."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        # For each name: how many more, and until when it counts as full.
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def take(self, name: str, count: Callable[[], Awaitable[int]]) -> bool:
        """Whether one more may be created; ``count`` counts the existing ones."""
        left, full_until = self._known.pop(name, (1, 0.0))
        if left == 0 and self._clock() >= full_until:
            left = max(0, -((await count() - self._limit) // 10))
            full_until = self._clock() + FULL_SECONDS
        self._known[name] = (max(0, left - 1), 0.0 if left else full_until)
        if len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        return left > 0


class Quotas:
    """The limits of an account."""

    def __init__(self, callers: Table, sessions: SessionTable, config: Settings) -> None:
        self._callers = callers
        self._sessions = sessions
        self._config = config
        self._of_resources = Allowance(config.max_sessions)
        self._of_callers = Allowance(config.max_active_sessions)

    async def check(self, key: SessionKey, caller_id: str | None) -> None:
        """Check that a session that is about to be created is within the limits.

        Without authentication only the limit of the resource applies. The caller's list may have the session already.

        Raises:
            GraphError: 400 if the resource has too many sessions, 429 if the caller has too many that are active.
        """
        await asyncio.gather(self._check_resource(key.resource), self._check_caller(key, caller_id))

    async def _check_resource(self, resource: ResourceKey) -> None:
        limit = self._config.max_sessions
        place = f"{resource.catalog_id}/{resource.resource_id}"
        if not await self._of_resources.take(place, lambda: self._sessions.count(resource, at_most=limit)):
            raise GraphError(
                TOO_MANY_SESSIONS,
                f"This resource has {limit} upload sessions, which is the limit (UPLOADS_MAX_SESSIONS). "
                "Delete sessions that have expired.",
            )

    async def _check_caller(self, key: SessionKey, caller_id: str | None) -> None:
        limit = self._config.max_active_sessions
        if caller_id and not await self._of_callers.take(caller_id, lambda: self._count_active(caller_id, key)):
            raise GraphError(
                TOO_MANY_REQUESTS,
                f"You have {limit} active upload sessions, which is the limit (UPLOADS_MAX_ACTIVE_SESSIONS). "
                "Complete or delete some of them.",
                headers={"Retry-After": str(FULL_SECONDS)},
            )

    async def note(self, caller_id: str | None, key: SessionKey) -> None:
        """Add a session to the caller's list."""
        if caller_id:
            row = {"CatalogId": key.resource.catalog_id, "ResourceId": key.resource.resource_id}
            row |= {"PartitionKey": caller_id, "RowKey": key.session_id}
            await self._callers.upsert(row)

    async def forget(self, caller_id: str | None, session_id: str) -> None:
        """Remove a session that was not created, or is no longer active, from the caller's list."""
        if caller_id:
            await self._callers.delete(caller_id, session_id)

    async def _count_active(self, caller_id: str, new: SessionKey) -> int:
        """How many active sessions a caller has, without the one that is about to be created."""
        rows = self._callers.query("PartitionKey eq @caller", {"caller": caller_id})
        keys = [SessionKey(ResourceKey(row["CatalogId"], row["ResourceId"]), row["RowKey"]) async for row in rows]
        keys = [key for key in keys if key != new]
        if len(keys) < self._config.max_active_sessions:
            return len(keys)
        limit = asyncio.Semaphore(_READ_AT_ONCE)

        async def counts(key: SessionKey) -> bool:
            async with limit:
                session = await self._sessions.session(key)
            now = utc_now()
            active = session is not None and status_at(session, now, self._config.idle) is Status.ACTIVE
            # A missing session may be about to be created.
            if not active and (session is not None or now - id_time(key.session_id) > CREATE_TAKES_AT_MOST):
                await self.forget(caller_id, key.session_id)
            return active

        return sum(await asyncio.gather(*map(counts, keys)))
