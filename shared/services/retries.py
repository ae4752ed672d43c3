"""Retries of a change that lost a race: every change reads, decides, and writes if nothing has changed since."""

import asyncio
import random

from shared.core.errors import STORAGE_UNAVAILABLE, GraphError

# When twenty clients upload into one session at once, nineteen lose the first round, eighteen the next, and so on.
_MAX_ATTEMPTS = 60
_MAX_PAUSE_SECONDS = 0.05


def attempts() -> range:
    """The attempts at one change. After the last one the caller raises ``too_busy``."""
    return range(_MAX_ATTEMPTS)


async def pause() -> None:
    """Wait a random time before the next attempt, so that the same requests do not collide again."""
    await asyncio.sleep(random.uniform(0, _MAX_PAUSE_SECONDS))  # noqa: S311  # not a secret


def too_busy() -> GraphError:
    """The error for a change that lost every race."""
    return GraphError(
        STORAGE_UNAVAILABLE,
        "Too many requests are changing this upload session at the same time. Try again shortly.",
        headers={"Retry-After": "1"},
    )
