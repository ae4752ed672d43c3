"""Repeats a call that failed for a reason that may pass, after the time that the service asks for, or a random one."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from accup.errors import AccupError, UsageError

T = TypeVar("T")


class TransientError(Exception):
    """The call may be repeated. ``error`` is raised if it fails too often; ``retry_after`` is in seconds."""

    def __init__(self, error: AccupError, retry_after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause before a repetition: its length in seconds, which attempt of how many follows, and why."""

    seconds: float
    attempt: int
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try.

    ``attempts`` counts the first one. The delay before attempt n + 1 is random between a tenth and the whole of
    ``first_delay`` doubled n - 1 times, at most ``longest_delay``, so that many clients do not return at the same
    moment. The service's Retry-After counts instead, unless it is longer than ``longest_retry_after``. All in seconds.
    ``on_wait`` is called before each pause, maybe from several threads.
    """

    attempts: int = 7
    first_delay: float = 0.5
    longest_delay: float = 20
    longest_retry_after: float = 120
    on_wait: Callable[[Wait], None] | None = None

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            UsageError: it is below one.
        """
        if self.attempts < 1:
            raise UsageError("A request is tried once at least: attempts must be 1 or more.")

    def run(self, call: Callable[[], T], log: Callable[[str], None]) -> T:
        """Call until it succeeds; ``log`` is called with a line before each repetition.

        Raises:
            AccupError: it failed ``attempts`` times, or in a way that does not pass.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return call()
            except TransientError as failure:
                delay = self._delay(attempt, failure.retry_after)
                if attempt == self.attempts or delay is None:
                    failure.error.may_pass = True
                    raise failure.error from None
                log(f"retry in {delay:.1f} s: {failure}")
                if self.on_wait is not None:
                    self.on_wait(Wait(delay, attempt + 1, self.attempts, str(failure)))
                time.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def _delay(self, attempt: int, retry_after: float | None) -> float | None:
        """The seconds until the next attempt; ``None`` if the service asks for more than is reasonable to wait."""
        if retry_after is not None:
            jitter = random.uniform(0, 0.5)  # noqa: S311  # no secret
            return retry_after + jitter if retry_after <= self.longest_retry_after else None
        ceiling = min(self.longest_delay, self.first_delay * 2 ** (attempt - 1))
        return random.uniform(ceiling / 10, ceiling)  # noqa: S311  # no secret


def seconds_of(retry_after: str | None) -> float | None:
    """The seconds of a Retry-After header: a number, or an HTTP date (RFC 9110, section 10.2.3)."""
    if not retry_after:
        return None
    number = retry_after.strip()
    if number.isascii() and number.isdecimal():
        return float(number)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # rarely needed

    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
