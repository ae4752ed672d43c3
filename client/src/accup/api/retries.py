"""Repeats a call that failed for a reason that may pass, after the time that the service asks for, or a random one."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from accup.errors import AccupError, InterruptedByUserError

T = TypeVar("T")


class TransientError(Exception):
    """The call may be repeated. ``error`` is raised if it fails too often; ``retry_after`` is in seconds."""

    def __init__(self, error: AccupError, retry_after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try.

    ``attempts`` counts the first one. The delay before attempt n is random between zero and ``first_delay`` doubled
    n - 1 times, at most ``longest_delay`` ("full jitter", so that many clients do not return at the same moment). The
    service's Retry-After counts instead, unless it is longer than ``longest_retry_after``. All in seconds.
    """

    attempts: int = 7
    first_delay: float = 0.5
    longest_delay: float = 20
    longest_retry_after: float = 120

    def run(self, call: Callable[[], T], cancelled: Event, on_retry: Callable[[str, float], None] | None = None) -> T:
        """Call until it succeeds.

        Raises:
            AccupError: it failed ``attempts`` times, or in a way that does not pass, or ``cancelled`` was set.
        """
        for attempt in range(1, self.attempts + 1):
            if cancelled.is_set():
                raise InterruptedByUserError("Interrupted.")
            try:
                return call()
            except TransientError as failure:
                delay = self._delay(attempt, failure.retry_after)
                if attempt == self.attempts or delay is None:
                    raise failure.error from None
                if on_retry is not None:
                    on_retry(str(failure), delay)
                cancelled.wait(delay)
        raise AssertionError("the last attempt returns or raises")

    def _delay(self, attempt: int, retry_after: float | None) -> float | None:
        """The seconds until the next attempt; ``None`` if the service asks for more than is reasonable to wait."""
        if retry_after is not None:
            jitter = random.uniform(0, 0.5)  # noqa: S311  # no secret
            return retry_after + jitter if retry_after <= self.longest_retry_after else None
        ceiling = min(self.longest_delay, self.first_delay * 2 ** (attempt - 1))
        return random.uniform(ceiling / 10, ceiling)  # noqa: S311  # no secret


def seconds_of(retry_after: str | None, now: float | None = None) -> float | None:
    """The seconds of a Retry-After header: a number, or an HTTP date (RFC 9110, section 10.2.3)."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # rarely needed

    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - (time.time() if now is None else now))
    except (ValueError, TypeError):
        return None
