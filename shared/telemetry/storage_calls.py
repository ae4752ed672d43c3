"""Spans and metrics of the calls to storage, as an implementation of azure-core's tracing.

Azure's own implementation would record the URLs, in which there are ids of callers and sessions, and make two spans for
each call. This one makes one, which is named by the SDK's method, and takes nothing else from the request.
"""

from contextvars import ContextVar, Token
from time import perf_counter
from types import TracebackType
from typing import Any, Self, cast

from azure.core.settings import settings
from azure.core.tracing import SpanKind
from opentelemetry.trace import ProxyTracerProvider, Span, Status, StatusCode, get_tracer, get_tracer_provider
from opentelemetry.trace import SpanKind as OpenTelemetryKind

from shared.telemetry.instruments import STORAGE_DURATION, STORAGE_RETRIES, STORAGE_THROTTLED

_tracer = get_tracer("uploads.storage")

# The SDK's method that is running, such as "TableClient.get_entity".
_method: ContextVar[str | None] = ContextVar("uploads.storage.method", default=None)

# Set on a request that was sent: the SDKs repeat a call with the same one, and do not tell the tracing that they do.
_SENT = "uploads_sent"

# "Server Busy" and "Too Many Requests" ("Status and error codes", Azure Storage).
_THROTTLED = (429, 503)


class StorageCall:
    """What azure-core calls a span: a method of the SDK, which only gives its name, or one attempt of an HTTP call."""

    def __init__(self, span: object = None, name: str | None = None, *, kind: Any = None, **_: object) -> None:
        self._name = name
        self._attributes: dict[str, str | int] = {}
        self._retry = False
        self._started_at = perf_counter()
        self._span: Span | None = None
        self._outer: Token[str | None] | None = None
        if kind is SpanKind.CLIENT:
            self._span = _tracer.start_span(_method.get() or f"{name}", kind=OpenTelemetryKind.CLIENT)

    @property
    def span_instance(self) -> None:
        """Nothing that has to be made current: an HTTP call has no spans below it."""

    def to_header(self) -> dict[str, str]:
        """No headers: storage has no use for the trace."""
        return {}

    def add_attribute(self, name: str, value: object) -> None:
        """Leave out what azure-core would add: URLs and ids."""

    def set_http_attributes(self, request: Any, response: Any = None) -> None:
        """Take the method, the service and the status, and whether the request was sent before."""
        self._retry = hasattr(request, _SENT)
        setattr(request, _SENT, True)
        # A header that only the Table service has.
        service = "table" if "DataServiceVersion" in request.headers else "blob"
        self._attributes = {"http.request.method": request.method, "uploads.storage.service": service}
        if response is not None:
            self._attributes["http.response.status_code"] = response.status_code

    def finish(self) -> None:
        """Record the call."""
        if self._span is None:
            return
        status = self._attributes.get("http.response.status_code", 0)
        STORAGE_DURATION.record(perf_counter() - self._started_at, self._attributes)
        service = {"uploads.storage.service": self._attributes.get("uploads.storage.service", "")}
        if status in _THROTTLED:
            STORAGE_THROTTLED.add(1, service)
        if self._retry:
            STORAGE_RETRIES.add(1, service)
        self._span.set_attributes(self._attributes)
        if "error.type" in self._attributes or int(status) >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def __enter__(self) -> Self:
        """Begin a method of the SDK."""
        self._outer = _method.set(self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End a method of the SDK, or an attempt that failed."""
        if self._outer is not None:
            _method.reset(self._outer)
        elif kind is not None:
            # An attempt without a response.
            self._attributes["error.type"] = kind.__name__
            self.finish()


def observe_storage_calls() -> None:
    """Have azure-core report its calls, if the OpenTelemetry SDK is configured."""
    if not isinstance(get_tracer_provider(), ProxyTracerProvider):
        settings.tracing_implementation.set_value(cast("Any", StorageCall))
