"""What all attempts at one target have in common: its pauses, its rate, and the places for it in this process."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import uniform

from shared.core.ids import utc_now
from shared.domain.deliveries import Target
from shared.services.context import Context
from shared.targets.pauses import GoneError, PauseError

PLACES = 4
"""Attempts at one target at a time in a process: those at a slow one leave messages to the other (``host.json``)."""

_NO_PLACE = timedelta(seconds=10)

# Those that wait for the same moment come one after the other.
_SPREAD_SECONDS = 5

_working: Counter[Target] = Counter()


async def in_turn(
    context: Context, target: Target, now: datetime, attempt: Callable[[], Awaitable[datetime | None]]
) -> datetime | None:
    """Make an attempt, unless the target has asked for a pause or has no place left in this process.

    ``now`` is the moment that the message was sent for, by the clock that has noted the pause, if that is ahead.
    Returns when to look at the delivery again; ``None`` when it has ended.
    """
    later = now + _NO_PLACE
    if _working[target] < PLACES:
        _working[target] += 1
        try:
            later = (await context.storage.target_notes.get(target)).not_before
            if later <= now:
                return await attempt()
        finally:
            _working[target] -= 1
    return later + timedelta(seconds=uniform(0, _SPREAD_SECONDS))  # noqa: S311  # no secret


@asynccontextmanager
async def heeding(context: Context, target: Target) -> AsyncIterator[None]:
    """Note for all deliveries to a target what its errors say of them.

    Raises:
        GoneError: the receiver wanted no more events already.
    """
    notes = context.storage.target_notes
    try:
        yield
    except PauseError as error:
        await notes.pause(target, utc_now() + (error.retry_after or timedelta()))
        raise
    except GoneError:
        await notes.leave(target, gone=True)
        raise


async def wait_for_turn(context: Context, target: Target) -> None:
    """Wait until the target's rate allows one more request.

    Raises:
        PauseError: it has asked for a longer pause meanwhile.
    """
    notes = context.storage.target_notes
    while (note := await notes.get(target)).per_minute is not None:
        wait, between = note.not_before - utc_now(), timedelta(minutes=1) / note.per_minute
        if wait > between:
            raise PauseError("The receiver of events has asked for a pause.", retry_after=wait)
        if wait > timedelta():
            await asyncio.sleep(wait.total_seconds())
        elif await notes.take_turn(target, note, utc_now() + between):
            return
