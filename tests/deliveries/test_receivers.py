"""Receivers of events that do not do what they should."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import ResolveResult

from shared.core import ids
from shared.domain.deliveries import Target
from shared.domain.events import EventType
from shared.domain.sessions import SessionKey
from shared.services.sessions import outbox
from tests.deliveries.here import Here, running_here
from tests.deliveries.receiver import SECRET
from tests.support.invariants import Storage

END = b"Connection: close\r\nContent-Length: 0\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: *\r\n" + END


@dataclass(slots=True)
class Raw:
    """A server that answers with bytes: a list is sent in pieces, ``None`` is no answer, an empty one closes."""

    answers: dict[str, list[bytes] | None] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(" ".join(head.split(" ", 2)[:2]))
        if length := re.search(r"content-length: (\d+)", head.lower()):
            await reader.readexactly(int(length[1]))
        answer = self.answers.get(head.split(" ")[0], [GOOD])
        if answer is None:
            await reader.read()
        with contextlib.suppress(ConnectionError):
            for piece in answer or []:
                writer.write(piece)
                await writer.drain()
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def raw_server() -> AsyncIterator[Raw]:
    raw = Raw()
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    try:
        yield raw
    finally:
        server.close()


def options(url: str) -> dict[str, Any]:
    return {"events_url": url, "events_secret": SECRET}


async def told(here: Here, key: SessionKey) -> tuple[str, str]:
    """The state of the delivery of events, and its error in words."""
    found = await here.of(key, Target.EVENTS)
    assert found is not None
    return found.state.value, found.last_error or ""


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(None, "could not be reached (", id="stalls"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Le"], "could not be reached (", id="breaks off"),
        pytest.param([], "could not be reached (", id="closes"),
        pytest.param([b"\x00\xff\x16\x03 no HTTP\r\n\r\n"], "could not be reached (", id="garbage"),
        pytest.param([b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100_000], "could not be reached (", id="many headers"),
        pytest.param([b"HTTP/1.1 302 Found\r\nLocation: /internal\r\n" + END], "", id="redirects"),
        pytest.param([b"HTTP/1.1 500 No\r\n" + END], "", id="fails"),
    ],
)
async def test_what_a_receiver_does_not_take_is_sent_again(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, method: str, answer: list[bytes] | None, words: str
) -> None:
    monkeypatch.setattr("shared.targets.webhook._CALL", aiohttp.ClientTimeout(total=0.5))
    async with raw_server() as raw, running_here(storage.connection_string, **options(raw.url)) as here:
        raw.answers[method] = answer
        key = await here.active()
        await here.complete(key)
        await here.handle_due()
        state, error = await told(here, key)
        assert state == "pending"
        assert error.startswith("The receiver of events ")
        assert words in error
        assert len(error) < 250
        raw.answers.clear()
        await here.pass_time(timedelta(minutes=1))
        assert await told(here, key) == ("delivered", "")
        assert {request.split(" ")[1] for request in raw.requests} == {"/events"}, "a redirect was followed"


@pytest.mark.parametrize("header", [b"", b"WebHook-Allowed-Origin: elsewhere.example\r\n"])
async def test_nothing_is_sent_to_a_receiver_that_does_not_agree(storage: Storage, header: bytes) -> None:
    async with raw_server() as raw, running_here(storage.connection_string, **options(raw.url)) as here:
        raw.answers["OPTIONS"] = [b"HTTP/1.1 200 OK\r\n" + header + END]
        key = await here.active()
        await here.complete(key)
        await here.handle_due()
        state, error = await told(here, key)
        assert state == "pending"
        assert "WebHook-Allowed-Origin: uploads.contoso.com" in error
        assert raw.requests == ["OPTIONS /events"]


def refusal(status: int, **headers: str) -> list[bytes]:
    lines = [f"HTTP/1.1 {status} No", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ["\r\n".join([*lines, ""]).encode() + END]


async def completed(here: Here) -> SessionKey:
    """A session whose event of its completion is due, and was tried once if it may be."""
    key = await here.active()
    await here.complete(key)
    await here.handle_due()
    return key


async def test_a_receiver_that_is_gone_for_good_is_asked_again_on_request_only(storage: Storage) -> None:
    async with raw_server() as raw, running_here(storage.connection_string, **options(raw.url)) as here:
        raw.answers["POST"] = refusal(410)
        first = await completed(here)
        second = await completed(here)
        await here.settle()
        for key in (first, second):
            assert await told(here, key) == ("failed", "The receiver of events is gone (410).")
        assert raw.requests == ["OPTIONS /events", "POST /events"]
        raw.answers.clear()
        await here.redeliver(first, Target.EVENTS)
        await here.settle()
        assert (await told(here, first))[0] == "delivered"
        assert raw.requests.count("POST /events") == 3
        await completed(here)
        assert raw.requests.count("POST /events") == 4


async def test_another_address_is_asked_although_the_one_before_is_gone(storage: Storage) -> None:
    async with raw_server() as gone, raw_server() as other:
        gone.answers["POST"] = refusal(410)
        async with running_here(storage.connection_string, **options(gone.url)) as here:
            await completed(here)
            prefix = here.config.name_prefix
        async with running_here(storage.connection_string, name_prefix=prefix, **options(other.url)) as here:
            assert (await told(here, await completed(here)))[0] == "delivered"


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize("as_date", [True, False], ids=["a date", "seconds"])
async def test_a_pause_that_a_receiver_asks_for_is_kept_by_all(storage: Storage, method: str, *, as_date: bool) -> None:
    async with raw_server() as raw, running_here(storage.connection_string, **options(raw.url)) as here:
        until = ids.utc_now() + timedelta(hours=2)
        value = format_datetime(until, usegmt=True) if as_date else "7200"
        raw.answers[method] = refusal(503, Retry_After=value)
        first = await completed(here)
        asked = len(raw.requests)
        raw.answers.clear()
        second = await completed(here)
        await outbox.add(
            here.context, first, outbox.event(here.context, EventType.FILE_REFUSED, first, {"findings": 1})
        )
        await here.pass_time(timedelta(hours=1, minutes=59))
        assert len(raw.requests) == asked, "the pause was not kept"
        await here.pass_time(timedelta(minutes=5))
        assert [(await told(here, key))[0] for key in (first, second)] == ["delivered", "delivered"]


async def test_a_receiver_is_asked_for_its_consent_once_an_hour(storage: Storage) -> None:
    async with raw_server() as raw, running_here(storage.connection_string, **options(raw.url)) as here:
        for _ in range(3):
            await completed(here)
        assert raw.requests == ["OPTIONS /events", *["POST /events"] * 3]
        here.clock.move(minutes=61)
        await completed(here)
        assert raw.requests[4:] == ["OPTIONS /events", "POST /events"]


async def test_the_rate_that_a_receiver_allows_is_kept_by_all(storage: Storage) -> None:
    async with raw_server() as raw, running_here(storage.connection_string, **options(raw.url)) as here:
        raw.answers["OPTIONS"] = refusal(200, WebHook_Allowed_Origin="*", WebHook_Allowed_Rate="60")
        keys = [await here.active() for _ in range(3)]
        for key in keys:
            await here.complete(key)
        await here.redeliver(keys[0], Target.EVENTS)
        times: list[datetime] = []

        async def note(call: str) -> None:
            if call.startswith("POST"):
                times.append(ids.utc_now())

        here.http.before = note
        await asyncio.gather(*(here.deliver(key) for key in keys))
        await here.settle()
        assert len(times) == 4
        # From the moment at which each was permitted to that at which it was sent is some time.
        assert all(after - before >= timedelta(seconds=0.5) for before, after in pairwise(times))
        assert times[-1] - times[0] >= timedelta(seconds=2.5)


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.1.2.3"],
        ["169.254.169.254"],
        ["127.0.0.1"],
        ["::1"],
        ["fd00:ec2::254"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a9fe:a9fe"],
        ["93.184.215.14", "192.168.1.1"],
    ],
    ids=" and ".join,
)
async def test_a_host_that_resolves_to_an_address_inside_is_never_connected_to(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    connected: list[Any] = []

    async def resolve(_: object, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def connect(*arguments: Any, **_: Any) -> Any:
        connected.append(arguments)
        raise ConnectionRefusedError

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    async with running_here(storage.connection_string, **options("https://hooks.contoso.com/events")) as here:
        key = await here.active()
        await here.complete(key)
        monkeypatch.setattr("aiohttp.connector.TCPConnector._wrap_create_connection", connect)
        message = here.take()
        assert message is not None
        await here.handle(message)
        assert await told(here, key) == (
            "pending",
            "The receiver of events is not allowed: the host resolves to an address that is not public.",
        )
    assert connected == []
