"""Work that an answer does not need: it is waited for shortly, goes on by itself, and never fails the request."""

import asyncio
import logging
from collections.abc import Awaitable

OPTIONAL_SECONDS = 2
"""How long an answer waits for such work at most."""

_log = logging.getLogger("uploads.optional")

# Nobody else holds a task that goes on after its request.
_running: set[asyncio.Task[bool]] = set()


async def briefly(work: Awaitable[object], otherwise: str) -> bool:
    """Do what also gets done later if it fails now. Returns whether it was done within ``OPTIONAL_SECONDS``.

    Args:
        work: what to do. It has a limit of its own, since it is not cancelled.
        otherwise: for the log, what happens if it is not done.
    """
    task = asyncio.create_task(_guarded(work, otherwise))
    _running.add(task)
    task.add_done_callback(_running.discard)
    done, _ = await asyncio.wait({task}, timeout=OPTIONAL_SECONDS)
    return bool(done) and task.result()


async def _guarded(work: Awaitable[object], otherwise: str) -> bool:
    try:
        await work
    except Exception as error:  # noqa: BLE001  # whatever it is, the answer does not depend on it
        _log.warning("%s: %s", otherwise, type(error).__name__)
        return False
    return True
