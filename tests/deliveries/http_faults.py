"""Faults in the HTTP calls of deliveries, which go through aiohttp's ``ClientSession``."""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
from aiohttp import web

from tests.faults.transport import Fault, Plan


class HttpFault(StrEnum):
    """What happens to a call of a delivery."""

    NOT_SENT = "fails before it was sent"
    ANSWER_LOST = "succeeds, but its answer is lost"
    DONE_BUT_BROKEN = "succeeds, but is answered 500"
    CUT = "ends in the middle of a file"
    REDIRECT = "302"
    BAD_REQUEST = "400"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    CONFLICT = "409"
    PRECONDITION = "412"
    THROTTLED = "429"
    BROKEN = "500"
    UNAVAILABLE = "503"
    NO_JSON = "an answer that is not JSON"
    OTHER_JSON = "an answer of another shape"


@dataclass(slots=True)
class HttpPlan:
    """Which call fails, and how. ``calls`` counts those that can fail so."""

    fault: HttpFault
    index: int
    calls: int = 0
    hit: bool = False


class FaultyHttp:
    """Spoils calls to the targets of deliveries while it has a plan, and counts them always."""

    def __init__(self, targets: Sequence[str]) -> None:
        """Take what the addresses of the targets begin with."""
        self.targets = list(targets)
        self.plan: HttpPlan | Plan | None = None
        self.calls: list[str] = []
        # What a test does at the moment of a call, given as in ``calls``.
        self.before: Callable[[str], Awaitable[None]] | None = None
        self._answers = ""
        self._request: Any = aiohttp.ClientSession._request

    @asynccontextmanager
    async def installed(self) -> AsyncIterator[None]:
        """Stand before every ``ClientSession`` of this process."""
        faulty = self

        async def request(session: Any, method: str, url: Any, **options: Any) -> Any:
            if not str(url).startswith(tuple(faulty.targets)):
                return await faulty._request(session, method, url, **options)
            return await faulty.send(session, method, str(url), options)

        runner = web.AppRunner(_answering())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._answers = "http://127.0.0.1:{}".format(*runner.addresses[0][1:2])
        aiohttp.ClientSession._request = request  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            aiohttp.ClientSession._request = self._request  # type: ignore[method-assign]
            await runner.cleanup()

    async def send(self, session: Any, method: str, url: str, options: dict[str, Any]) -> Any:
        """Send a request, or do to it what the plan says."""
        self.calls.append(f"{method} {url}")
        if self.before is not None:
            await self.before(self.calls[-1])
        plan = self.plan
        if plan is None or not self._can_fail_so(plan.fault, url, options):
            return await self._request(session, method, url, **options)
        number, plan.calls = plan.calls, plan.calls + 1
        if number != plan.index:
            return await self._request(session, method, url, **options)
        plan.hit = True
        return await self._spoil(plan.fault, session, method, url, options)

    def _can_fail_so(self, fault: HttpFault | Fault, url: str, options: dict[str, Any]) -> bool:
        if fault is HttpFault.CUT:
            return isinstance(options.get("data"), AsyncIterator)
        # To a receiver of events only the status matters.
        return fault not in (HttpFault.NO_JSON, HttpFault.OTHER_JSON) or "/identityGovernance/" in url

    async def _spoil(
        self, fault: HttpFault | Fault, session: Any, method: str, url: str, options: dict[str, Any]
    ) -> Any:
        if fault is Fault.KILLED_BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault is HttpFault.NOT_SENT:
            raise aiohttp.ClientConnectionError("spoiled: not sent")
        if fault is HttpFault.CUT:
            options = options | {"data": _cut(options["data"])}
            return await self._request(session, method, url, **options)
        if fault in (HttpFault.ANSWER_LOST, HttpFault.DONE_BUT_BROKEN, Fault.KILLED_AFTER):
            answer = await self._request(session, method, url, **options)
            await answer.read()
            answer.release()
            if fault is Fault.KILLED_AFTER:
                os.kill(os.getpid(), signal.SIGKILL)
            if fault is HttpFault.ANSWER_LOST:
                raise aiohttp.ServerDisconnectedError("spoiled: the answer was lost")
        kind = "500" if fault is HttpFault.DONE_BUT_BROKEN else fault.value
        return await self._request(session, "GET", f"{self._answers}/{kind}", allow_redirects=False)


async def _cut(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The beginning of a file; then the connection breaks."""
    yield (await anext(content))
    yield (await anext(content))[:20]
    raise ConnectionResetError("spoiled: in the middle of a file")


def _answering() -> web.Application:
    """Answers as Graph gives them when it refuses."""

    async def answer(request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        if not kind.isdecimal():
            text = "<html>It works!</html>" if "not JSON" in kind else '[{"value": 1}]'
            return web.Response(text=text, content_type="application/json")
        headers = {"Retry-After": "7"} if kind in ("429", "503") else {}
        headers |= {"Location": "https://elsewhere.example/"} if kind == "302" else {}
        code = {"409": "nameAlreadyExists", "429": "activityLimitReached"}.get(kind, "generalException")
        error = {"error": {"code": code, "message": "spoiled", "innerError": {"code": code}}}
        return web.json_response(error, status=int(kind), headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{kind}", answer)
    return app
