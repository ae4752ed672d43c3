"""Counts the calls to storage of requests, and how many of them come one after the other, from the service's spans."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self
from uuid import uuid4

from bench.wire import Headers


class Span(NamedTuple):
    """What is needed of a span; times are nanoseconds of the system's clock."""

    trace: str
    name: str
    start: int
    end: int
    is_call: bool
    """Whether it is a call to storage."""
    is_request: bool
    """Whether it is the span of a whole request."""


class RoundTrips(NamedTuple):
    """The calls to storage of one request.

    ``in_sequence`` is the largest number of calls of which each began when the one before it had ended. ``late`` are
    those that ended after the handler had answered.
    """

    calls: int
    in_sequence: int
    late: int

    def __str__(self) -> str:
        """As the tables have it."""
        late = f", {self.late} late" if self.late else ""
        return f"{self.calls} / {self.in_sequence}{late}"

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Self:
        """Those of the spans of one request."""
        spans = list(spans)
        calls = sorted((span for span in spans if span.is_call), key=lambda span: span.end)
        (answered,) = [span.end for span in spans if span.is_request]
        in_sequence = ended = 0
        for call in calls:
            # Taking the call that ends first leaves the most room for others after it.
            if call.start >= ended:
                in_sequence, ended = in_sequence + 1, call.end
        return cls(len(calls), in_sequence, sum(call.end > answered for call in calls))


def new_trace() -> tuple[str, Headers]:
    """The id of a trace, and the header that makes a request a part of it (W3C Trace Context)."""
    trace = uuid4().hex
    return trace, {"traceparent": f"00-{trace}-{uuid4().hex[:16]}-01"}


def read_round_trips(file: Path) -> Mapping[str, RoundTrips]:
    """The round trips of each request by its trace, from what ``tests.support.counted`` has written until its end."""
    traces: dict[str, list[Span]] = defaultdict(list)
    with file.open() as lines:
        for line in lines:
            span = Span(**json.loads(line))
            traces[span.trace].append(span)
    return {trace: RoundTrips.of(spans) for trace, spans in traces.items() if any(span.is_request for span in spans)}


def fewest(samples: Iterable[RoundTrips]) -> RoundTrips:
    """Of several samples of an operation the least of each: under load, calls of the same time may miss each other."""
    return RoundTrips(*map(min, zip(*samples, strict=True)))
