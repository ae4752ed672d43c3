"""How many sessions a resource may have, and a caller at the same time.

Counting costs a query, so that what was counted is good for a tenth of what is left: both limits hold about, by a tenth
for each process of the app. Table ``callers`` says which sessions a caller has made; whoever has made many is counted
anew, session by session, and what is over by then is forgotten.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.core.errors import TOO_MANY_REQUESTS, TOO_MANY_SESSIONS, GraphError
from shared.core.ids import id_time, utc_now
from shared.core.settings import Settings
from shared.domain.lifecycle import ResourceKey, SessionKey, Status, status_at
from shared.storage.session_table import CREATE_TAKES_AT_MOST, SessionTable

CALLERS_TABLE = "callers"

# How long somebody who is at a limit is not counted again.
FULL_SECONDS = 60

_MAX_REMEMBERED = 10_000
_READ_AT_ONCE = 16


class Allowance:
    """How many more of something this process may make before it is counted again, for each of many."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        # For each of many: how many more, and until when it is known to be full.
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def take(self, name: str, count: Callable[[], Awaitable[int]]) -> bool:
        """Whether there may be one more; ``count`` says how many there are."""
        left, full_until = self._known.pop(name, (0, 0.0))
        if left == 0 and self._clock() >= full_until:
            left = max(0, -((await count() - self._limit) // 10))
            full_until = self._clock() + FULL_SECONDS
        self._known[name] = (max(0, left - 1), 0.0 if left else full_until)
        if len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        return left > 0


class Quotas:
    """The limits of an account."""

    def __init__(self, service: TableServiceClient, sessions: SessionTable, config: Settings) -> None:
        self._service = service
        self._callers: TableClient = service.get_table_client(CALLERS_TABLE)
        self._sessions = sessions
        self._config = config
        self._of_resources = Allowance(config.max_sessions)
        self._of_callers = Allowance(config.max_active_sessions)

    async def create_table(self) -> None:
        """Make the table unless it is there."""
        await self._service.create_table_if_not_exists(CALLERS_TABLE)

    async def check(self, resource: ResourceKey, caller_id: str | None) -> None:
        """See that a session more is within the limits; nobody is counted where nobody is asked who they are.

        Raises:
            GraphError: 400 if the resource has too many sessions, 429 if the caller has too many that are active.
        """
        limit = self._config.max_sessions
        place = f"{resource.catalog_id}/{resource.resource_id}"
        if not await self._of_resources.take(place, lambda: self._sessions.count(resource, at_most=limit)):
            raise GraphError(
                TOO_MANY_SESSIONS,
                f"This resource has {limit} upload sessions, which is the limit (UPLOADS_MAX_SESSIONS). Those that "
                "have expired can be deleted.",
            )
        limit = self._config.max_active_sessions
        if caller_id and not await self._of_callers.take(caller_id, lambda: self._count_active(caller_id)):
            raise GraphError(
                TOO_MANY_REQUESTS,
                f"You have {limit} active upload sessions, which is the limit (UPLOADS_MAX_ACTIVE_SESSIONS). "
                "Complete or delete some.",
                headers={"Retry-After": str(FULL_SECONDS)},
            )

    async def note(self, caller_id: str | None, key: SessionKey) -> None:
        """Say that a caller makes a session."""
        if caller_id:
            row = {"CatalogId": key.resource.catalog_id, "ResourceId": key.resource.resource_id}
            row |= {"PartitionKey": caller_id, "RowKey": key.session_id}
            await self._callers.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def forget(self, caller_id: str | None, session_id: str) -> None:
        """Say that the session was not made, or is over."""
        if caller_id:
            await self._callers.delete_entity(caller_id, session_id)

    async def _count_active(self, caller_id: str) -> int:
        rows = self._callers.query_entities("PartitionKey eq @caller", parameters={"caller": caller_id})
        keys = [SessionKey(ResourceKey(row["CatalogId"], row["ResourceId"]), row["RowKey"]) async for row in rows]
        if len(keys) < self._config.max_active_sessions:
            return len(keys)
        limit = asyncio.Semaphore(_READ_AT_ONCE)

        async def counts(key: SessionKey) -> bool:
            async with limit:
                session = await self._sessions.session(key)
            now = utc_now()
            active = session is not None and status_at(session, now, self._config.idle) is Status.ACTIVE
            # One that is not there may be about to be made.
            if not active and (session is not None or now - id_time(key.session_id) > CREATE_TAKES_AT_MOST):
                await self.forget(caller_id, key.session_id)
            return active

        return sum(await asyncio.gather(*map(counts, keys)))
