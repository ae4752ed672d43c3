"""The timer's walk over the sessions of an index that are due: oldest first, some at once, for a limited time."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from shared.core.ids import parse_guid
from shared.storage.azure.table import Row
from shared.storage.indexes.due_sessions import DueSession, DueSessions, due_session

# Two walks end long before the host's time limit (functionTimeout in host.json); the rest is left to the next tick.
WALK_SECONDS = 200
WALK_SESSIONS = 10_000
_AT_ONCE = 8

_log = logging.getLogger("uploads.timer")


class Walked(NamedTuple):
    """How often each outcome occurred, how many sessions are left for the next tick, and the oldest row's time."""

    done: Counter[str]
    left: int
    oldest: datetime


async def walk(index: DueSessions, now: datetime, visit: Callable[[DueSession], Awaitable[str]]) -> Walked:
    """Visit the sessions that are due. One that cannot be visited does not stop the others, and comes again.

    Args:
        index: which sessions, and when.
        now: the time of the tick.
        visit: processes one and returns the outcome; ``failed`` for what comes again.

    Raises:
        AzureError: the index could not be read.
    """
    started = time.monotonic()
    done: Counter[str] = Counter()
    oldest = now

    async def settle(row: Row) -> None:
        nonlocal oldest
        try:
            entry = due_session(row)
            oldest = min(oldest, entry.due)
            done[await visit(entry)] += 1
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not stop the other sessions
            done["failed"] += 1
            session_id = parse_guid(str(row["RowKey"]).rpartition(":")[2]) or "of an unreadable index row"
            _log.warning(
                "session %s could not be processed; the next tick tries again: %s", session_id, type(error).__name__
            )

    batch: list[Row] = []
    left = 0
    async for row in index.due(now):
        # Failures do not count, so that rows that always fail never use up the limit.
        if time.monotonic() - started > WALK_SECONDS or done.total() - done["failed"] + len(batch) >= WALK_SESSIONS:
            # No time for this one and those after it: they are only counted, as far as that is cheap.
            left += 1
            if left == WALK_SESSIONS:
                break
            continue
        batch.append(row)
        if len(batch) == _AT_ONCE:
            await asyncio.gather(*map(settle, batch))
            batch.clear()
    await asyncio.gather(*map(settle, batch))
    return Walked(done, left, oldest)
