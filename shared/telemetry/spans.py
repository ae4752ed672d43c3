"""The spans of a request, of a run of the other functions, and of the stages of an upload."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Token
from dataclasses import dataclass, field
from time import perf_counter, time_ns
from typing import Self, TypeVar

from opentelemetry.context import Context, attach, detach
from opentelemetry.metrics import get_meter_provider
from opentelemetry.trace import Span, Status, StatusCode, get_tracer, set_span_in_context

from shared.telemetry.instruments import (
    BYTES_RECEIVED,
    BYTES_SENT,
    REQUEST_DURATION,
    UPLOAD_DURATION,
    VALIDATION_DURATION,
)

_tracer = get_tracer("uploads")

# Longer than an export takes, and no part of a tick that matters.
_SEND_MILLISECONDS = 5_000

T = TypeVar("T")


@asynccontextmanager
async def function_span(name: str) -> AsyncIterator[None]:
    """The span of one run of the timer or of a delivery, below the Functions host's own.

    Its metrics are sent at once: an instance that was started for one run may be gone before the next export, and
    alerts wait for these.
    """
    with request_span(name) as span:
        try:
            yield
        finally:
            span.end()
            await _send_metrics()


async def _send_metrics() -> None:
    """Have the SDK, if one is configured, export what was measured until now. Whatever comes of it, the run is over."""
    flush = getattr(get_meter_provider(), "force_flush", None)
    if flush is not None:
        with suppress(Exception):
            await asyncio.to_thread(flush, _SEND_MILLISECONDS)


@contextmanager
def request_span(name: str) -> Iterator[Span]:
    """The span of one request, below the Functions host's own. It lasts until ``end_request``, which may be later."""
    span = _tracer.start_span(name)
    token = attach(set_span_in_context(span))
    try:
        yield span
    finally:
        detach(token)


def end_request(
    span: Span,
    operation: str,
    request_id: str,
    status: int,
    error: str | None,
    *,
    received: int,
    sent: int,
    seconds: float,
) -> None:
    """Record how a request ended, in its span and in the metrics.

    Args:
        span: of the request.
        operation: the name of the handler.
        request_id: of the response, which leads to the line in the log.
        status: of the response.
        error: ``innerError.code`` of an error response, or what cut a download.
        received: bytes of the body that were read.
        sent: bytes of the response's body.
        seconds: its duration.
    """
    attributes: dict[str, str | int] = {"uploads.operation": operation, "http.response.status_code": status}
    if error is not None:
        attributes["error.type"] = error
    span.set_attributes(attributes | {"uploads.request_id": request_id})
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
    REQUEST_DURATION.record(seconds, attributes)
    for counter, count in ((BYTES_RECEIVED, received), (BYTES_SENT, sent)):
        if count:
            counter.add(count, {"uploads.operation": operation})


class Stage:
    """A stage of an upload: its span lasts from when it is entered first to when it is left last.

    Stages are entered again for each chunk of the body, so that their spans overlap. The time that a stage took itself
    is ``seconds``, and in its span ``uploads.active_seconds``.
    """

    def __init__(self, name: str) -> None:
        self.seconds = 0.0
        self._name = name
        self._span: Span | None = None
        self._entered_at = 0.0
        self._left_at = 0
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        if self._span is None:
            self._span = _tracer.start_span(self._name)
        self._token = attach(set_span_in_context(self._span))
        self._entered_at = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += perf_counter() - self._entered_at
        self._left_at = time_ns()
        if self._token is not None:
            detach(self._token)

    def timed(self, steps: Iterable[T]) -> Iterator[T]:
        """The steps of work in this stage. What others do between two steps is not counted."""
        iterator = iter(steps)
        while True:
            with self:
                try:
                    step = next(iterator)
                except StopIteration:
                    return
            yield step

    def end(self) -> None:
        """End the span, if the stage was entered at all."""
        if self._span is not None:
            self._span.set_attribute("uploads.active_seconds", self.seconds)
            self._span.end(self._left_at)


@dataclass(slots=True)
class UploadStages:
    """The stages of one upload or dry run: ``receive`` with ``validate`` and ``stage`` within it, then ``commit``.

    ``outcome`` is for the metrics: ``accepted``, ``refused``, or ``failed`` if nothing else is set.
    """

    receive: Stage = field(default_factory=lambda: Stage("receive"))
    validate: Stage = field(default_factory=lambda: Stage("validate"))
    stage: Stage = field(default_factory=lambda: Stage("stage"))
    commit: Stage = field(default_factory=lambda: Stage("commit"))
    outcome: str = "failed"


@contextmanager
def upload_stages(action: str) -> Iterator[UploadStages]:
    """The stages of an upload, which end with it; ``action`` is ``uploadFile`` or ``validateFile``."""
    stages, started = UploadStages(), perf_counter()
    try:
        yield stages
    finally:
        for stage in (stages.stage, stages.validate, stages.receive, stages.commit):
            stage.end()
        attributes = {"uploads.action": action, "uploads.outcome": stages.outcome}
        UPLOAD_DURATION.record(perf_counter() - started, attributes)
        VALIDATION_DURATION.record(stages.validate.seconds, attributes)
