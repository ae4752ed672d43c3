"""The spans of a request and of the stages of an upload."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import Token
from dataclasses import dataclass, field
from time import perf_counter, time_ns
from types import TracebackType
from typing import Self, TypeVar

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, Status, StatusCode, get_current_span, get_tracer, set_span_in_context

from shared.telemetry.instruments import BYTES_RECEIVED, REQUEST_DURATION, UPLOAD_DURATION, VALIDATION_DURATION

_tracer = get_tracer("uploads")

T = TypeVar("T")


@contextmanager
def function_span(name: str) -> Iterator[None]:
    """The span of one request or run of the timer, below the Functions host's own."""
    span = _tracer.start_span(name)
    token = attach(set_span_in_context(span))
    try:
        yield
    finally:
        detach(token)
        span.end()


def end_request(
    operation: str, request_id: str, status: int, error: str | None, *, received: int, seconds: float
) -> None:
    """Record how a request ended, in its span and in the metrics.

    Args:
        operation: the name of the handler.
        request_id: of the response, which leads to the line in the log.
        status: of the response.
        error: ``innerError.code`` of an error response.
        received: bytes of the body that were read.
        seconds: its duration.
    """
    attributes: dict[str, str | int] = {"uploads.operation": operation, "http.response.status_code": status}
    if error is not None:
        attributes["error.type"] = error
    span = get_current_span()
    span.set_attributes(attributes | {"uploads.request_id": request_id})
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
    REQUEST_DURATION.record(seconds, attributes)
    if received:
        BYTES_RECEIVED.add(received, {"uploads.operation": operation})


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
        """Go on with the stage."""
        if self._span is None:
            self._span = _tracer.start_span(self._name)
        self._token = attach(set_span_in_context(self._span))
        self._entered_at = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Pause the stage."""
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
