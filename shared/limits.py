"""How much one caller may ask of this process: a token bucket each (requests a minute, and as many in one burst)."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from shared.errors import TOO_MANY_REQUESTS, GraphError

# Callers that are kept in mind; whoever has not asked for longest is forgotten first, and begins with a full bucket.
_MAX_CALLERS = 10_000


class RequestLimit:
    """The buckets of all callers."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count a request.

        Raises:
            GraphError: 429, with the seconds after which there is room again.
        """
        now = self._clock()
        left, then = self._buckets.pop(caller, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - then) * self._per_minute / 60)
        self._buckets[caller] = (max(0.0, left - 1) if left >= 1 else left, now)
        if len(self._buckets) > _MAX_CALLERS:
            self._buckets.popitem(last=False)
        if left < 1:
            wait = ceil((1 - left) * 60 / self._per_minute)
            raise GraphError(
                TOO_MANY_REQUESTS,
                f"You have sent more than {self._per_minute} requests a minute, which is the limit "
                "(UPLOADS_REQUESTS_PER_MINUTE).",
                headers={"Retry-After": str(wait)},
            )
