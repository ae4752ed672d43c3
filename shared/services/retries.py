"""How often a race that was lost is run again: every change reads, decides, and writes if nothing has changed since."""

import asyncio
import random

from shared.core.errors import STORAGE_UNAVAILABLE, GraphError

# Twenty clients that upload into one session at once make nineteen of them lose a round, eighteen the next, and so on.
_MAX_ATTEMPTS = 60
_MAX_PAUSE_SECONDS = 0.05


def attempts() -> range:
    """One for each try; whoever comes to their end says ``too_busy``."""
    return range(_MAX_ATTEMPTS)


async def pause() -> None:
    """Let others go first: without chance in it, racers would meet again and again."""
    await asyncio.sleep(random.uniform(0, _MAX_PAUSE_SECONDS))  # noqa: S311  # no secret


def too_busy() -> GraphError:
    """The error for a session that others never stop changing."""
    return GraphError(
        STORAGE_UNAVAILABLE,
        "Too many requests change this upload session at the same time. Try again shortly.",
        headers={"Retry-After": "1"},
    )
