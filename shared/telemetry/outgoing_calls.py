"""Spans of the calls to the targets of deliveries, recorded by hooks of the HTTP client: without URLs and headers."""

from time import time_ns
from types import SimpleNamespace

import aiohttp
from opentelemetry.trace import SpanKind, Status, StatusCode, get_tracer

_tracer = get_tracer("uploads.deliveries")


def outgoing_calls(target: str) -> aiohttp.TraceConfig:
    """The hooks for a client session whose calls go to ``target``: each is a span, from its start to its headers."""

    async def start(_: aiohttp.ClientSession, call: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
        call.started = time_ns()

    async def end(_: aiohttp.ClientSession, call: SimpleNamespace, done: aiohttp.TraceRequestEndParams) -> None:
        status = done.response.status
        _record(target, call.started, done.method, {"http.response.status_code": status}, failed=status >= 400)

    async def fail(_: aiohttp.ClientSession, call: SimpleNamespace, done: aiohttp.TraceRequestExceptionParams) -> None:
        _record(target, call.started, done.method, {"error.type": type(done.exception).__name__}, failed=True)

    hooks = aiohttp.TraceConfig()
    hooks.on_request_start.append(start)
    hooks.on_request_end.append(end)
    hooks.on_request_exception.append(fail)
    return hooks


def _record(target: str, started: int, method: str, outcome: dict[str, str | int], *, failed: bool) -> None:
    span = _tracer.start_span(
        f"{method} {target}",
        kind=SpanKind.CLIENT,
        attributes={"http.request.method": method, "uploads.delivery.target": target, **outcome},
        start_time=started,
    )
    if failed:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
