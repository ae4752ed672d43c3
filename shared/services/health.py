"""Whether storage answers, asked at most once every few seconds by each process, however many callers want to know."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache

from azure.core.exceptions import AzureError, ServiceRequestTimeoutError

from shared.storage.account import storage

# An answer is reused for this long: a probe, or a flood of them, costs storage two small calls in this time.
KEEP_SECONDS = 5

# A probe gives up much earlier than a request: a load balancer waits a few seconds only.
ANSWER_SECONDS = 4


class Health:
    """The latest answer of storage, and when it was given."""

    def __init__(self, ask: Callable[[], Awaitable[None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._asked_at = float("-inf")
        self._fault: AzureError | None = None
        self._asking = asyncio.Lock()

    async def check(self) -> None:
        """See that storage answers, or answered a moment ago.

        Raises:
            AzureError: it does not, or not within ``ANSWER_SECONDS``.
        """
        # Callers that come while storage is being asked wait for the same answer.
        async with self._asking:
            if self._clock() - self._asked_at >= KEEP_SECONDS:
                self._fault = await self._look()
                self._asked_at = self._clock()
            if self._fault is not None:
                raise self._fault.with_traceback(None)

    async def _look(self) -> AzureError | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._ask()
        except AzureError as fault:
            return fault
        except TimeoutError:
            return ServiceRequestTimeoutError(f"no answer within {ANSWER_SECONDS} seconds")
        return None


async def _ask_storage() -> None:
    await asyncio.gather(storage().sessions.ping(), storage().blobs.ping())


@cache
def health() -> Health:
    """The health of this process's storage."""
    return Health(_ask_storage)
