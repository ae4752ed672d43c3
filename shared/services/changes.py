"""How every change runs: it reads, decides, and writes in one conditional transaction with its audit record.

A change that loses a race reads and decides again. A change whose answer was lost is recognized by its record.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, overload

from shared.core.errors import STORAGE_UNAVAILABLE, GraphError
from shared.domain.audit import AuditRecord
from shared.services.context import Context
from shared.storage.audit_log import ConcurrentChangeError

# When twenty clients upload into one session at once, nineteen lose the first round, eighteen the next, and so on. The
# pauses grow, so that the rounds get quieter. Only a race is worth so many: what is missing is found out otherwise.
MAX_ATTEMPTS = 60
_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.2

_log = logging.getLogger("uploads.changes")

Result = TypeVar("Result")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


async def change(context: Context, attempt: Callable[[], Awaitable[Result]]) -> Result | None:
    """Make a change: attempt it until it is made, or until an attempt says why it cannot be.

    Args:
        context: where to look for the audit record of an attempt whose answer was lost.
        attempt: reads, decides and writes. If it writes more than one transaction, the last one must be the change.

    Returns:
        What the attempt returns. ``None`` if it was made and its answer was lost: a caller that needs the result reads
        it.

    Raises:
        GraphError: 503 when every attempt lost its race; and what an attempt raises.
        AzureError: storage failed. Whether the change was made is not known.
    """
    lost: Sequence[AuditRecord] = ()
    for number in range(MAX_ATTEMPTS):
        try:
            return await attempt()
        except ConcurrentChangeError as conflict:
            lost = conflict.records
        # All records of a transaction are written, or none.
        if lost and await context.storage.audit.has(lost[0]):
            return None
        await pause(number)
    what = f"{lost[0].activity} of session {lost[0].subject.session_id}" if lost else "a change without a record"
    _log.warning("%s has lost %d races and is given up", what, MAX_ATTEMPTS)
    raise too_busy()


async def pause(number: int) -> None:
    """Wait after a lost race, the first of which is number 0: a random time, so that requests do not collide again."""
    longest = min(_PAUSE_SECONDS * (number + 1), _LONGEST_PAUSE_SECONDS)
    await asyncio.sleep(random.uniform(0, longest))  # noqa: S311  # not a secret


def too_busy() -> GraphError:
    """The error for a request that lost every race."""
    return GraphError(
        STORAGE_UNAVAILABLE,
        "Too many requests are changing this upload session at the same time. Try again shortly.",
        headers={"Retry-After": "1"},
    )


@overload
async def gather_all(first: Awaitable[A], second: Awaitable[B], /) -> tuple[A, B]: ...
@overload
async def gather_all(first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], /) -> tuple[A, B, C]: ...
async def gather_all(*calls: Awaitable[Any]) -> tuple[Any, ...]:
    """The results of calls at the same time.

    All of them end before an error is raised, unlike with ``asyncio.gather``: a write that is still on its way could
    not be undone, and would go on after the request. Of several errors, the one of the first argument is raised.
    """
    results = await asyncio.gather(*calls, return_exceptions=True)
    failure = next((result for result in results if isinstance(result, BaseException)), None)
    if failure is None:
        return tuple(results)
    try:
        raise failure
    finally:
        # The exception refers to this frame. If the frame referred to it, what it holds would stay, such as a block.
        del results, failure
