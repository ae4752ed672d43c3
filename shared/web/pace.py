"""How long the service waits for a peer that sends a body, or takes one."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from shared.core.settings import settings

T = TypeVar("T")


class TooSlowError(Exception):
    """The peer has sent or taken too little in the time that it had; the message says what the limit is."""


class Patience:
    """The patience with one peer: ``UPLOADS_STALL_SECONDS`` of waiting for each part of a body.

    A part is what ``UPLOADS_MIN_BYTES_PER_SECOND`` makes of that time, so that a byte now and then does not hold a
    place. Only waiting for the peer counts, and not what the service does with the bytes.
    """

    def __init__(self) -> None:
        config = settings()
        self._seconds = config.stall_seconds
        self._part = max(1, config.stall_seconds * config.min_bytes_per_second)
        self._left = float(self._seconds)
        self._moved = 0

    async def wait(self, step: Awaitable[T]) -> T:
        """The result of a step of the peer's.

        Raises:
            TooSlowError: the patience is over.
        """
        began = time.monotonic()
        limit = asyncio.timeout(self._left)
        try:
            async with limit:
                result = await step
        except TimeoutError:
            if not limit.expired():
                raise
            raise TooSlowError(
                f"Less than {self._part} bytes were transferred in {self._seconds} seconds, which is the limit "
                "(UPLOADS_STALL_SECONDS, UPLOADS_MIN_BYTES_PER_SECOND)."
            ) from None
        self._left -= time.monotonic() - began
        return result

    def moved(self, count: int) -> None:
        """Count bytes that were transferred: the patience for the next part begins when one is complete."""
        self._moved += count
        if self._moved >= self._part:
            self._moved = 0
            self._left = float(self._seconds)
