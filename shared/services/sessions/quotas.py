"""Limits the number of sessions of a resource, and of active sessions of a caller.

Counting costs a query. So the first session for a resource or of a caller in a process is not counted, since a resource
usually gets one session a quarter; after that one count allows a tenth of the sessions that are left. With n processes,
a limit of L can be exceeded by up to n * (L / 10 + 1). Table ``callers`` lists the sessions that a caller created. When
the list reaches the limit, each of its sessions is read, and those that are no longer active are removed from it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

from shared.core.errors import TOO_MANY_REQUESTS, TOO_MANY_SESSIONS, GraphError
from shared.core.ids import id_time, utc_now
from shared.domain.lifecycle import status_at
from shared.domain.sessions import ResourceKey, SessionKey, Status
from shared.services.context import Context
from shared.storage.account import Storage
from shared.storage.resource_partition.sessions import CREATE_TAKES_AT_MOST

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
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, name: str, count: Callable[[], Awaitable[int]]) -> bool:
        """Whether one more may be created; ``count`` counts the existing ones."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            left, full_until = self._known.pop(name, (1, 0.0))
            if left == 0 and self._clock() >= full_until:
                left = max(0, -((await count() - self._limit) // 10))
                full_until = self._clock() + FULL_SECONDS
            self._known[name] = (max(0, left - 1), 0.0 if left else full_until)
            if len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)
            return left > 0


class _Allowances(NamedTuple):
    of_resources: Allowance
    of_callers: Allowance


_allowances: WeakKeyDictionary[Storage, _Allowances] = WeakKeyDictionary()


def _allowances_of(context: Context) -> _Allowances:
    """What this process may still create in an account."""
    limits = (context.settings.max_sessions, context.settings.max_active_sessions)
    return _allowances.setdefault(context.storage, _Allowances(*map(Allowance, limits)))


async def check_quotas(context: Context, key: SessionKey) -> None:
    """Check that a session that is about to be created is within the limits.

    Without authentication only the limit of the resource applies. The caller's list may have the session already.

    Raises:
        GraphError: 400 if the resource has too many sessions, 429 if the caller has too many that are active.
    """
    await asyncio.gather(_check_resource(context, key.resource), _check_caller(context, key))


async def _check_resource(context: Context, resource: ResourceKey) -> None:
    limit = context.settings.max_sessions
    place = f"{resource.catalog_id}/{resource.resource_id}"
    count = context.storage.sessions.count
    if not await _allowances_of(context).of_resources.take(place, lambda: count(resource, at_most=limit)):
        raise GraphError(
            TOO_MANY_SESSIONS,
            f"This resource has {limit} upload sessions, which is the limit (UPLOADS_MAX_SESSIONS). "
            "Delete sessions that have expired.",
        )


async def _check_caller(context: Context, key: SessionKey) -> None:
    limit, caller_id = context.settings.max_active_sessions, context.actor.object_id
    if caller_id is None:
        return
    if not await _allowances_of(context).of_callers.take(caller_id, lambda: _count_active(context, caller_id, key)):
        raise GraphError(
            TOO_MANY_REQUESTS,
            f"You have {limit} active upload sessions, which is the limit (UPLOADS_MAX_ACTIVE_SESSIONS). "
            "Complete or delete some of them.",
            headers={"Retry-After": str(FULL_SECONDS)},
        )


async def _count_active(context: Context, caller_id: str, new: SessionKey) -> int:
    """How many active sessions a caller has, without the one that is about to be created."""
    stored = context.storage
    keys = [key for key in await stored.callers.sessions(caller_id) if key != new]
    if len(keys) < context.settings.max_active_sessions:
        return len(keys)
    limit = asyncio.Semaphore(_READ_AT_ONCE)

    async def counts(key: SessionKey) -> bool:
        async with limit:
            session = await stored.sessions.session(key)
        now = utc_now()
        active = session is not None and status_at(session, now, context.settings.idle) is Status.ACTIVE
        # A missing session may be about to be created.
        if not active and (session is not None or now - id_time(key.session_id) > CREATE_TAKES_AT_MOST):
            await stored.callers.remove(caller_id, key.session_id)
        return active

    return sum(await asyncio.gather(*map(counts, keys)))
