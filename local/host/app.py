"""An ASGI app that serves what a ``function_app.py`` declares: its routes, its timers and its queue triggers.

There is no second route table: what the real host reads from the app, this one reads too. It gives each function the
same request class as the Functions worker does.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import azure.functions as func
from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagate import extract
from starlette.types import Receive, Scope, Send

from local.host.forwarding import Exchange, ForwardingError, forwarded_scope
from local.host.paths import decoded_path
from local.host.queues import QueueTrigger
from local.host.timers import Timer
from shared.web.host import DEFAULT_BODY_BYTES, max_body_bytes
from shared.web.routes import route_pattern

# "Manually run a non HTTP-triggered function". The other paths of the host's own API need a key that nobody has here.
_FUNCTIONS = "/admin/functions/"
_NEEDS_KEY = ("/admin/", "/runtime/webhooks/")

# The defaults of host.json outside the Consumption plan are no limits ("host.json reference for Azure Functions").
_UNLIMITED = 2**31

_log = logging.getLogger("local.host")

T = TypeVar("T")
Handler = Callable[..., Any]


class Route(NamedTuple):
    """The route of a function: its name, template and methods (``None``: every method), and what is called for it."""

    name: str
    template: str
    methods: frozenset[str] | None
    handler: Handler


class Router:
    """Finds the function of a request by the rule of Microsoft's host: names in order, first fit.

    A literal is not better than a parameter, nor a parameter than a catch-all (azure-functions-host, issues 3153, 6062
    and 9876).
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        # In upper case, "_" sorts behind letters and digits.
        in_order = sorted(routes, key=lambda route: route.name.upper())
        self._routes = [(route, route_pattern(route.template)) for route in in_order]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a request and the parameters in its path, which is decoded; ``None`` if no route fits.

        A wrong method leads on to the next route that fits.
        """
        for route, pattern in self._routes:
            if route.methods is None or method in route.methods:
                match = pattern.fullmatch(path)
                if match:
                    return route, {name: value for name, value in match.groupdict().items() if value}
        return None


class Host:
    """Serves the app's routes and runs its timers, as far as the app needs the Functions host."""

    def __init__(self, app: func.FunctionApp, host_json: Path) -> None:
        extensions = json.loads(host_json.read_text())["extensions"]
        http = extensions["http"]
        self._timers: dict[str, Timer] = {}
        self._queues: list[QueueTrigger] = []
        self._names: set[str] = set()
        routes: list[Route] = []
        for function in app.get_functions():
            trigger: Any = function.get_trigger()
            name = str(function.get_function_name())
            self._names.add(name)
            if isinstance(trigger, func.decorators.timer.TimerTrigger):
                self._timers[name] = Timer(name, trigger.name, trigger.schedule, function.get_user_function())
            elif isinstance(trigger, func.decorators.queue.QueueTrigger):
                queue = QueueTrigger(name, trigger, function.get_user_function(), extensions["queues"])
                self._queues.append(queue)
            else:
                routes.append(route_of(function, http["routePrefix"]))
        self._router = Router(routes)
        self._max_body_bytes = max_body_bytes(os.environ) or DEFAULT_BODY_BYTES
        self._slots = asyncio.Semaphore(http.get("maxConcurrentRequests", _UNLIMITED))
        self._max_outstanding = http.get("maxOutstandingRequests", _UNLIMITED)
        self._outstanding = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI 3.0)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            # The caller's trace goes on, as in the Functions worker. Without it a new one begins: uvicorn may serve a
            # request in the context of the one before it on the same connection.
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            token = attach(extract(headers, Context()))
            try:
                await self._serve(scope, receive, send)
            finally:
                detach(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = decoded_path(scope["raw_path"])
        if path is None:
            return await Response(status_code=400)(scope, receive, send)
        own = await self._own_answer(scope, path)
        if own is not None:
            return await own(scope, receive, send)
        found = self._router.find(scope["method"], path)
        if found is None:
            return await Response(status_code=404)(scope, receive, send)
        if self._outstanding >= self._max_outstanding:
            return await Response(status_code=429)(scope, receive, send)
        self._outstanding += 1
        try:
            async with self._slots:
                route, parameters = found
                await self._call(route.handler, scope, forwarded_scope(scope, path, parameters), receive, send)
        finally:
            self._outstanding -= 1

    async def _call(self, handler: Handler, scope: Scope, forwarded: Scope, receive: Receive, send: Send) -> None:
        """Call a function with the forwarded request, and pass its answer on."""
        exchange = Exchange(scope, receive, send, max_body_bytes=self._max_body_bytes)
        try:
            if _cannot_be_paired(scope):
                raise ForwardingError
            with exchange:
                await exchange.hold_body()
                response = await _answer(handler, Request(forwarded, exchange.receive))
                await response(forwarded, exchange.receive, exchange.send)
        except ForwardingError:
            if exchange.answer_begun:
                raise
            await Response(status_code=500, headers={"Connection": "close"})(scope, receive, send)

    async def _own_answer(self, scope: Scope, path: str) -> Response | None:
        """The answer of the host itself; ``None`` for a path that belongs to the app."""
        if path == "/" and scope["method"] in ("GET", "HEAD"):
            # Where Microsoft's host has a page about itself.
            return RedirectResponse("/uploads")
        if path.startswith(_FUNCTIONS) and scope["method"] == "POST":
            return await self._fire(path.removeprefix(_FUNCTIONS), wait=scope["query_string"] == b"wait=1")
        return Response(status_code=401) if path.startswith(_NEEDS_KEY) else None

    async def _fire(self, name: str, *, wait: bool) -> Response:
        """Fire a timer: 202 before it runs, as from Microsoft's host; with ``wait``, when it has run."""
        if name not in self._names:
            return PlainTextResponse(f"There is no function '{name}'.", status_code=404)
        if name not in self._timers:
            return PlainTextResponse(f"'{name}' is not a timer: call its route.", status_code=400)
        run = self._start(self._run(name))
        if wait and not await run:
            return PlainTextResponse(f"'{name}' failed. The log says more.", status_code=500)
        return Response(status_code=202)

    async def _run(self, name: str) -> bool:
        """Run a timer now; whether it succeeded."""
        try:
            await self._timers[name].fire()
        except Exception:  # noqa: BLE001  # whatever it is
            _log.exception("timer %s failed", name)
            return False
        return True

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _live(self, receive: Receive, send: Send) -> None:
        """Keep the timers' schedules and serve the queues while the server is up (ASGI lifespan)."""
        await receive()
        for timer in self._timers.values():
            self._start(timer.keep_schedule())
        for queue in self._queues:
            self._start(queue.serve())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})


def route_of(function: Any, prefix: str) -> Route:
    """The route of an HTTP function of an app; ``prefix`` is ``extensions.http.routePrefix`` of host.json."""
    trigger = function.get_trigger()
    template = "/".join(part for part in (prefix, trigger.route) if part)
    methods = None if trigger.methods is None else frozenset(str(method) for method in trigger.methods)
    return Route(str(function.get_function_name()), template, methods, function.get_user_function())


async def _answer(handler: Handler, request: Request) -> Response:
    try:
        response: Response = await handler(request)
    except Exception:  # noqa: BLE001  # whatever it is
        # The Functions worker answers so, too: what a handler lets out is a defect of the app.
        _log.exception("an exception left a function")
        return PlainTextResponse("Internal Server Error", status_code=500)
    return response


def _cannot_be_paired(scope: Scope) -> bool:
    """Whether the worker gets the invocation of this request but not the request itself, or cannot tell its own id.

    The host cannot send a header on that is not ASCII, and does not replace an id that the caller sends. The guard in
    ``shared/web`` ends such a request after some seconds; here it ends at once.
    """
    return any(name == b"x-ms-invocation-id" or not value.isascii() for name, value in scope["headers"])
