"""Spans and metrics of the calls to storage, recorded by the transport under Azure's SDKs.

azure-core can trace its calls itself. Its spans contain URLs, and so the ids of callers and sessions. There are two or
three for each call, and they take four times as long.
"""

from time import time_ns
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport
from opentelemetry.trace import ProxyTracerProvider, SpanKind, Status, StatusCode, get_tracer, get_tracer_provider

from shared.telemetry.instruments import STORAGE_FAILURES, STORAGE_RETRIES, STORAGE_THROTTLED

_tracer = get_tracer("uploads.storage")

# Set on a request that was sent: the SDKs repeat a call with the same one.
_SENT = "uploads_sent"

# "Server Busy" and "Too Many Requests" ("Status and error codes", Azure Storage).
_THROTTLED = (429, 503)

# Of the others below 500, those that say that something is wrong with the account or the app's access to it. A row that
# is missing or has changed is an ordinary answer.
_REFUSALS = (401, 403, 408, 429)


class ObservedTransport(AioHttpTransport):  # type: ignore[misc]  # which azure-core imports lazily
    """The SDKs' own transport; each request that it sends is a span, and counted if it fails."""

    def __init__(self, service: str, **options: Any) -> None:
        """Take the name of the service (``table``, ``blob``, ``queue``) and the options of the SDKs' transport."""
        super().__init__(**options)
        self._service = service

    async def send(self, request: Any, **config: Any) -> Any:
        started = time_ns()
        try:
            response = await super().send(request, **config)
        except BaseException as error:
            _record(self._service, request, started, 0, type(error).__name__)
            raise
        _record(self._service, request, started, response.status_code, None)
        return response


def _record(service: str, request: Any, started: int, status: int, error: str | None) -> None:
    """Record an attempt. Its span is made only now, with all that it has: that takes half the time."""
    outcome: dict[str, str | int] = {"error.type": error} if error else {"http.response.status_code": status}
    span = _tracer.start_span(
        f"{request.method} {service}",
        kind=SpanKind.CLIENT,
        attributes={"http.request.method": request.method, "uploads.storage.service": service, **outcome},
        start_time=started,
    )
    if hasattr(request, _SENT):
        STORAGE_RETRIES.add(1, {"uploads.storage.service": service})
    setattr(request, _SENT, True)
    if error or status in _REFUSALS or status >= 500:
        span.set_status(Status(StatusCode.ERROR))
        STORAGE_FAILURES.add(1, {"uploads.storage.service": service, **outcome})
        if status in _THROTTLED:
            STORAGE_THROTTLED.add(1, {"uploads.storage.service": service})
    span.end()


def observed() -> bool:
    """Whether the OpenTelemetry SDK is configured, so that calls to storage are worth recording."""
    return not isinstance(get_tracer_provider(), ProxyTracerProvider)
