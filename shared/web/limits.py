"""Limits for the size of a request, the request rate of a caller, and the number of concurrent transfers.

The rate is limited by a token bucket for each caller: a number of requests per minute, and the same number in a burst.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import ceil

from shared.core.errors import INVALID_QUERY_OPTION, INVALID_REQUEST, TOO_MANY_REQUESTS, TOO_MANY_TRANSFERS, GraphError
from shared.core.settings import settings

# Callers whose buckets are kept. The least recent caller is removed first, and starts again with a full bucket.
_MAX_CALLERS = 10_000

_RETRY_LATER = {"Retry-After": "5"}


def check_head_size(raw_path: str, query: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Check the size of path, query and headers. A body is limited while it is read.

    Raises:
        GraphError: 400.
    """
    config = settings()
    if len(raw_path) + len(query) > config.max_url_bytes:
        problem = INVALID_QUERY_OPTION if len(query) > len(raw_path) else INVALID_REQUEST
        message = f"The path and query are longer than {config.max_url_bytes} bytes, which is the limit"
        raise GraphError(problem, f"{message} (UPLOADS_MAX_URL_BYTES).")
    if len(headers) > config.max_headers:
        message = f"The request has more than {config.max_headers} headers, which is the limit"
        raise GraphError(INVALID_REQUEST, f"{message} (UPLOADS_MAX_HEADERS).")
    if sum(len(name) + len(value) for name, value in headers) > config.max_header_bytes:
        message = f"The request's headers have more than {config.max_header_bytes} bytes, which is the limit"
        raise GraphError(INVALID_REQUEST, f"{message} (UPLOADS_MAX_HEADER_BYTES).")


class RequestLimit:
    """The token buckets of all callers."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count a request.

        Raises:
            GraphError: 429, with the seconds to wait in ``Retry-After``.
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
                f"You sent more than {self._per_minute} requests per minute, which is the limit "
                "(UPLOADS_REQUESTS_PER_MINUTE).",
                headers={"Retry-After": str(wait)},
            )


class TransferLimit:
    """The transfers in progress: each holds memory for as long as the client takes.

    A caller has a share of the places only, so that no two of them can take all.
    """

    def __init__(self, what: str, *, places: int, share_percent: int) -> None:
        self._what = what
        self._places = places
        self._share = ceil(places * share_percent / 100)
        self._in_progress: Counter[str] = Counter()

    @contextmanager
    def taken(self, caller: str) -> Iterator[None]:
        """Count a transfer while it lasts. One that nobody ends, ends when this is garbage.

        Raises:
            GraphError: 429 if the caller has too many transfers in progress, 503 if the process has.
        """
        if self._in_progress[caller] >= self._share:
            raise GraphError(
                TOO_MANY_REQUESTS,
                f"You have {self._share} {self._what} in progress, which is the limit (UPLOADS_CALLER_SHARE_PERCENT of "
                "UPLOADS_MAX_TRANSFERS_PER_PROCESS).",
                headers=_RETRY_LATER,
            )
        if self._in_progress.total() >= self._places:
            raise GraphError(
                TOO_MANY_TRANSFERS,
                f"This instance of the service has {self._places} {self._what} in progress, which is the limit "
                "(UPLOADS_MAX_TRANSFERS_PER_PROCESS). Repeat the request.",
                headers=_RETRY_LATER,
            )
        self._in_progress[caller] += 1
        try:
            yield
        finally:
            self._in_progress -= Counter((caller,))


@cache
def transfer_limit() -> TransferLimit:
    """The places for uploads and downloads in this process."""
    config = settings()
    return TransferLimit(
        "uploads and downloads", places=config.max_transfers_per_process, share_percent=config.caller_share_percent
    )


@cache
def dry_run_limit() -> TransferLimit:
    """The places for dry runs in this process: places of their own, since a dry run must not keep an upload out."""
    config = settings()
    places = ceil(config.max_transfers_per_process / 4)
    return TransferLimit("dry runs", places=places, share_percent=config.caller_share_percent)
