"""Faults in the transport of the storage SDKs, and the rules of Table Storage that Azurite does not check.

All asynchronous clients of the SDKs send through azure-core's ``AioHttpTransport``: that is where this stands.
"""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from aiohttp import web
from azure.core.exceptions import ServiceRequestError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import AioHttpTransport, AsyncHttpTransport

Send = Callable[..., Awaitable[Any]]

_MARK = "made-up"
_QUIET_TURNS = 6
_FORBIDDEN_IN_KEYS = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_ENTITY = re.compile(r"\(PartitionKey='([^']*)',RowKey='([^']*)'\)")
_LARGE_PROPERTY = re.compile(r'"(?:[^"\\]|\\.){32769}')
_KEYS_IN_JSON = re.compile(r'"PartitionKey": ?"([^"]*)".*?"RowKey": ?"([^"]*)"')


class Fault(StrEnum):
    """What happens to a call; ``always`` to all that follow it, too, the SDK's own repetitions among them."""

    NOT_SENT_ALWAYS = "fails before it reached storage, always"
    ANSWER_LOST = "succeeds, but its answer is lost"
    ANSWER_LOST_ALWAYS = "succeeds, but its answer is lost, always"
    TIMEOUT_ALWAYS = "times out, always"
    UNAVAILABLE_ALWAYS = "503, always"
    BROKEN_ALWAYS = "500, always"
    DONE_BUT_BROKEN = "succeeds, but is answered 500"
    PRECONDITION = "412"
    CONFLICT = "409"
    EMPTY_PAGE = "an empty page and a continuation token"
    LATE = "is late: other requests are faster"
    KILLED_BEFORE = "SIGKILL before it"
    KILLED_AFTER = "SIGKILL after it"

    @property
    def lasts(self) -> bool:
        """Whether the calls that follow fare the same."""
        return self.value.endswith("always")


STATUS = {
    Fault.UNAVAILABLE_ALWAYS: 503,
    Fault.BROKEN_ALWAYS: 500,
    Fault.DONE_BUT_BROKEN: 500,
    Fault.PRECONDITION: 412,
    Fault.CONFLICT: 409,
}


class BrokenRuleError(Exception):
    """A call that real Table Storage would refuse, and Azurite does not."""


@dataclass(slots=True)
class Plan:
    """Which call fails, and how. ``calls`` counts the calls while the plan was in force, of those that can fail so.

    A call that is late is carried out when all others at the same time are answered and ``meanwhile`` is done.
    """

    fault: Fault
    index: int
    meanwhile: Callable[[], Awaitable[None]] | None = None
    calls: int = 0
    hit: bool = False


class Documented(NamedTuple):
    """An answer that Azure documents and Azurite never gives: to each call whose method and URL match ``call``."""

    call: str
    status: int
    code: str


class FaultyTransport:
    """Spoils calls while it has a plan, and applies the rules of Azure always. ``made``: all calls, in order.

    ``documented`` is answered instead of being sent, whatever the plan says.
    """

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.documented: Documented | None = None
        self.made: list[str] = []
        self._blocks: dict[str, set[str]] = {}
        self._committed: set[str] = set()
        self._answers = ""
        self._send: Send = self._carry_out
        self._real: Send = AioHttpTransport.send
        self._under_way = 0

    @asynccontextmanager
    async def installed(self) -> Any:
        """Replace the real transport, and let the SDK repeat its calls without waiting."""
        faulty = self

        async def send(transport: AioHttpTransport, request: Any, **options: Any) -> Any:
            return await faulty.send(transport, request, **options)

        async def sleep(_transport: AsyncHttpTransport[Any, Any], _seconds: float) -> None:
            return

        runner = web.AppRunner(_answering())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._answers = "http://127.0.0.1:{}".format(*runner.addresses[0][1:2])
        real = AioHttpTransport.send, AsyncHttpTransport.sleep
        AioHttpTransport.send, AsyncHttpTransport.sleep = send, sleep  # type: ignore[method-assign,assignment]
        try:
            yield self
        finally:
            AioHttpTransport.send, AsyncHttpTransport.sleep = real  # type: ignore[method-assign]
            await runner.cleanup()

    async def send(self, transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        """Send a request, or do to it what the plan says."""
        check_rules(request)
        self.made.append(f"{request.method} {request.url}")
        _drop_mark(request)
        documented = self.documented
        if documented is not None and re.search(documented.call, self.made[-1]):
            return await self._answer(f"{documented.status}/{documented.code}", transport, request, options)
        refusal = self._as_azure(request)
        if refusal is not None:
            return await self._answer(refusal, transport, request, options)
        plan = self.plan
        if plan is None:
            return await self._send(transport, request, **options)
        if plan.fault is Fault.EMPTY_PAGE and not _is_query(request):
            return await self._send(transport, request, **options)
        number, plan.calls = plan.calls, plan.calls + 1
        if not (number >= plan.index if plan.fault.lasts else number == plan.index):
            return await self._send(transport, request, **options)
        plan.hit = True
        return await self._spoil(plan.fault, transport, request, options)

    async def _carry_out(self, transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        self._under_way += 1
        try:
            return await self._real(transport, request, **options)
        finally:
            self._under_way -= 1

    async def _others_answered(self) -> None:
        """Wait until no other call is under way, nor made because of an answer."""
        quiet = 0
        while quiet < _QUIET_TURNS:
            await asyncio.sleep(0.005)
            quiet = 0 if self._under_way else quiet + 1

    async def _spoil(self, fault: Fault, transport: AioHttpTransport, request: Any, options: dict[str, Any]) -> Any:
        if fault is Fault.KILLED_BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault is Fault.LATE:
            assert self.plan is not None
            assert self.plan.meanwhile is not None
            await self._others_answered()
            meanwhile, self.plan = self.plan.meanwhile, None
            await meanwhile()
            return await self._send(transport, request, **options)
        if fault is Fault.NOT_SENT_ALWAYS:
            raise ServiceRequestError("spoiled: not sent")
        if fault is Fault.TIMEOUT_ALWAYS:
            raise ServiceResponseTimeoutError("spoiled: no answer in time")
        if fault in (Fault.ANSWER_LOST, Fault.ANSWER_LOST_ALWAYS, Fault.KILLED_AFTER):
            await self._send(transport, request, **options)
            if fault is Fault.KILLED_AFTER:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ServiceResponseTimeoutError("spoiled: the answer was lost")
        if fault is Fault.DONE_BUT_BROKEN:
            await self._send(transport, request, **options)
        kind = STATUS.get(fault) or ("blobs" if "comp=list" in request.url else "rows")
        return await self._answer(str(kind), transport, request, options)

    async def _answer(self, kind: str, transport: AioHttpTransport, request: Any, options: dict[str, Any]) -> Any:
        url, request.url = request.url, f"{self._answers}/{kind}"
        try:
            return await self._send(transport, request, **options)
        finally:
            request.url = url

    def _as_azure(self, request: Any) -> str | None:
        """What Azure answers about uncommitted blocks, where Azurite keeps or finds them.

        "Put Blob" discards them, and "Delete Blob" does not find a blob that has only these.
        """
        address = urlsplit(request.url)
        blocks, what = self._blocks.setdefault(address.path, set()), dict(parse_qsl(address.query)).get("comp")
        if what == "block":
            blocks.add(dict(parse_qsl(address.query))["blockid"])
        elif what == "blocklist":
            if not blocks.issuperset(re.findall("<Latest>([^<]*)", request.content.decode())):
                return "400/InvalidBlockList"
            self._committed.add(address.path)
        elif what is None and request.method == "DELETE" and blocks and address.path not in self._committed:
            return "404/BlobNotFound"
        elif what is None and request.method in ("PUT", "DELETE"):
            blocks.clear()
        return None


def check_rules(request: Any) -> None:
    """Check what "Performing entity group transactions" and "Understanding the Table service data model" demand.

    Raises:
        BrokenRuleError: the call breaks a rule that Azurite does not check.
    """
    if " or " in dict(parse_qsl(urlsplit(request.url).query)).get("$filter", ""):
        # "Design for querying": Table Storage evaluates such a filter by a scan of the partition or the table.
        raise BrokenRuleError("a query with 'or', which is a scan")
    body = request.content if isinstance(getattr(request, "content", None), str | bytes) else b""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body  # a blob has any bytes
    if not urlsplit(request.url).path.endswith("/$batch"):
        keys = _ENTITY.findall(unquote(urlsplit(request.url).path)) or _KEYS_IN_JSON.findall(text)
    else:
        keys = _keys_of_batch(text)
        if len(text.encode()) > 4 * 2**20:
            raise BrokenRuleError(f"a batch of {len(text)} bytes")
        if not 1 <= len(keys) <= 100:
            raise BrokenRuleError(f"a batch of {len(keys)} entities")
        if len({partition for partition, _ in keys}) != 1:
            raise BrokenRuleError("a batch over several partitions")
        if len({row for _, row in keys}) != len(keys):
            raise BrokenRuleError("an entity twice in a batch")
    if _LARGE_PROPERTY.search(text):
        raise BrokenRuleError("a property above 64 KiB")
    for key in keys:
        if any(_FORBIDDEN_IN_KEYS.search(part) or len(part.encode("utf-16-le")) > 1024 for part in key):
            raise BrokenRuleError(f"a key that is not allowed: {key}")


def _keys_of_batch(text: str) -> list[tuple[str, str]]:
    keys = []
    for operation in re.split(r"\r?\n(?=(?:PUT|POST|PATCH|MERGE|DELETE) https?://)", text)[1:]:
        line, _, rest = operation.partition("\n")
        found = _ENTITY.findall(unquote(line)) or _KEYS_IN_JSON.findall(rest)
        keys.append(found[0])
    return keys


def _is_query(request: Any) -> bool:
    return request.method == "GET" and (urlsplit(request.url).path.endswith("()") or "comp=list" in request.url)


def _drop_mark(request: Any) -> None:
    """A continuation token of ours leads to where the query began."""
    parts = urlsplit(request.url)
    if _MARK in parts.query:
        kept = [(name, value) for name, value in parse_qsl(parts.query) if value != _MARK]
        request.url = urlunsplit(parts._replace(query=urlencode(kept)))


def _answering() -> web.Application:
    """Answers as storage gives them when it is not well, or as an empty page."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        kind = request.match_info["kind"]
        if kind == "rows":
            token = {"x-ms-continuation-NextPartitionKey": _MARK, "x-ms-continuation-NextRowKey": _MARK}
            return web.json_response({"value": []}, headers=token)
        if kind == "blobs":
            xml = (
                '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="uploads"><Blobs/>'
                f"<NextMarker>{_MARK}</NextMarker></EnumerationResults>"
            )
            return web.Response(text=xml, content_type="application/xml")
        code = request.match_info.get("code") or {
            "503": "ServerBusy",
            "500": "InternalError",
            "412": "UpdateConditionNotSatisfied",
        }.get(kind, "Conflict")
        error = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "spoiled"}}}
        return web.json_response(error, status=int(kind), headers={"x-ms-error-code": code})

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{kind}", answer)
    app.router.add_route("*", "/{kind}/{code}", answer)
    return app
