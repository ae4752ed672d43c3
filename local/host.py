"""An ASGI app that serves what ``function_app.app`` declares: its routes, its timers and its queue triggers.

There is no second route table: what the real host reads from the app, this one reads too. It gives each function the
same request class as the Functions worker does. The page at ``/`` is its own.
"""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import azure.functions as func
from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagate import extract
from starlette.types import Receive, Scope, Send

from local.front_page import front_page
from local.queues import QueueTrigger
from local.routing import Route, Router
from local.timers import Timer
from shared.core.version import VERSION

ADMIN_PREFIX = "/admin/functions/"

_log = logging.getLogger("local.host")


class Host:
    """Serves the app's routes and runs its timers, as far as the app needs the Functions host."""

    def __init__(self, app: func.FunctionApp, host_json: Path) -> None:
        extensions = json.loads(host_json.read_text())["extensions"]
        prefix = extensions["http"]["routePrefix"]
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
                template = "/".join(part for part in (prefix, trigger.route) if part)
                methods = frozenset(str(method) for method in trigger.methods)
                routes.append(Route(template, methods, function.get_user_function()))
        self._router = Router(routes)
        self._tasks: list[asyncio.Task[None]] = []

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
                response = await self._answer(scope, receive)
                await response(scope, receive, send)
            finally:
                detach(token)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path = scope["raw_path"].decode("latin-1")
        if path.startswith(ADMIN_PREFIX) and scope["method"] == "POST":
            return await self._fire(path.removeprefix(ADMIN_PREFIX))
        if path == "/" and scope["method"] in ("GET", "HEAD"):
            return front_page(Request(scope), VERSION)
        found = self._router.find(scope["method"], path)
        if found is None:
            return Response(status_code=404)
        handler, scope["path_params"] = found
        try:
            response: Response = await handler(Request(scope, receive))
        except Exception:  # noqa: BLE001  # whatever it is
            # The Functions worker answers so, too: what a handler lets out is a defect of the app.
            _log.exception("an exception left a function")
            return PlainTextResponse("Internal Server Error", status_code=500)
        return response

    async def _fire(self, name: str) -> Response:
        """Fire a timer now, as Core Tools does; the answer comes when it has run, so that a script can rely on it."""
        if name not in self._names:
            return PlainTextResponse(f"There is no function '{name}'.", status_code=404)
        if name not in self._timers:
            return PlainTextResponse(f"'{name}' is not a timer: call its route.", status_code=400)
        try:
            await self._timers[name].fire()
        except Exception as error:  # noqa: BLE001  # whatever it is
            _log.exception("timer %s failed", name)
            return PlainTextResponse(f"'{name}' failed: {type(error).__name__}. The log says more.", status_code=500)
        return Response(status_code=202)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Keep the timers' schedules and serve the queues while the server is up (ASGI lifespan)."""
        await receive()
        self._tasks = [
            *(asyncio.create_task(timer.keep_schedule()) for timer in self._timers.values()),
            *(asyncio.create_task(queue.serve()) for queue in self._queues),
        ]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})
