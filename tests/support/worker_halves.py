"""Requests of which only half reaches Microsoft's worker, and many whole ones: run as a module in the app's folder.

``ways`` sends some of each kind that a caller can cause, and whole ones meanwhile; ``flood N`` sends N whole ones. Both
print one line of JSON about what happened, the last of standard output. No request gets as far as storage.
"""

import asyncio
import gc
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from azure_functions_runtime.http_v2 import http_coordinator

from tests.support.worker import Status, invoke_for_request, load

COLLECTION = "/v1.0/identityGovernance/entitlementManagement/catalogs/c/resources/r/uploadSessions"
OF_EACH_WAY = 10
# The bar is ten seconds.
GIVEN_UP_SECONDS = 12
AT_ONCE = 8
_PAGES = Path("/proc/self/statm")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Host:
    """The part of the Functions host that sends both halves of a request, or one of them."""

    def __init__(self, address: str, get_session: str) -> None:
        self._address = urlsplit(address)
        self._get_session = get_session

    async def connect(self) -> Connection:
        """A connection to the worker's server, which says its address before it listens there."""
        while True:
            try:
                return await asyncio.open_connection(self._address.hostname, self._address.port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)

    async def invocation(self, invocation_id: str, session: str = "s") -> str:
        """The invocation alone; gives its outcome."""
        route = {"catalogId": "c", "resourceId": "r", "sessionId": session}
        answer = await invoke_for_request(self._get_session, invocation_id, "GET", f"{COLLECTION}/{session}", route)
        return str(answer.result.status)

    async def request(
        self, invocation_id: str, session: str = "s", text: str = "", over: Connection | None = None
    ) -> int:
        """The request alone, as bytes, since no client library sends all of them; gives the status of its answer."""
        reader, writer = over or await self.connect()
        head = f"GET {COLLECTION}/{session} HTTP/1.1\r\nHost: h\r\nx-ms-invocation-id: {invocation_id}\r\n"
        writer.write(f"{head}x-text: {text}\r\n\r\n".encode())
        head_of_answer = await reader.readuntil(b"\r\n\r\n")
        if over is None:
            writer.close()
        elif length := _LENGTH.search(head_of_answer):
            await reader.readexactly(int(length[1]))
        return int(head_of_answer.split()[1])

    async def whole(self, over: Connection | None = None) -> int:
        """A request and its invocation."""
        invocation_id = str(uuid4())
        outcome, status = await asyncio.gather(self.invocation(invocation_id), self.request(invocation_id, over=over))
        assert outcome == Status.Success
        return status


WAYS: dict[str, Callable[[Host, str], list[Awaitable[Any]]]] = {
    "%0A in the path": lambda host, own: [host.invocation(own, "s\ns"), host.request(own, "s%0As")],
    "a control character in a header": lambda host, own: [host.invocation(own), host.request(own, text="a\x01b")],
    "a header that the host cannot send on": lambda host, own: [host.invocation(own)],
    "an id of the caller's own": lambda host, own: [host.invocation(own), host.request(str(uuid4()))],
    "the same id in several requests": lambda host, own: [host.invocation(own), host.request("same")],
}


async def timed(half: Awaitable[Any]) -> tuple[Any, float]:
    """What came of a half, and after how many seconds; ``None`` if it was given up."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(GIVEN_UP_SECONDS):
            came = await half
    except TimeoutError:
        came = None
    return came, time.monotonic() - began


async def ways(host: Host) -> dict[str, Any]:
    """All ways at once, and a whole request after the other until they have ended."""

    async def one(way: str) -> Any:
        return await asyncio.gather(*(timed(half) for half in WAYS[way](host, str(uuid4()))))

    halves = asyncio.gather(*(one(way) for way in WAYS for _ in range(OF_EACH_WAY)))
    others = []
    while not halves.done():
        others.append(await timed(host.whole()))
        await asyncio.sleep(0.05)
    ended = iter(await halves)
    return {"ways": {way: [next(ended) for _ in range(OF_EACH_WAY)] for way in WAYS}, "others": others}


def resident() -> int:
    """The memory of this process, in bytes."""
    return int(_PAGES.read_text().split()[1]) * 4096


async def flood(host: Host, count: int) -> dict[str, Any]:
    """Whole requests, some at a time, after a tenth of them; the memory of this process before and after, in bytes."""
    connections = [await host.connect() for _ in range(AT_ONCE)]

    async def some(over: Connection, each: int) -> None:
        for _ in range(each):
            await host.whole(over)

    async def many(each: int) -> int:
        await asyncio.gather(*(some(connection, each // AT_ONCE) for connection in connections))
        gc.collect()
        return resident()

    before, began = await many(count // 10), time.monotonic()
    after = await many(count)
    return {"before": before, "after": after, "seconds": time.monotonic() - began}


async def main(what: str, *count: str) -> None:
    """Load the app, send the requests, and print what happened."""
    address, functions = await load()
    ids = {function.name: function.function_id for function in functions}
    host = Host(address, ids["get_session"])
    await host.whole()
    result = await (flood(host, *map(int, count)) if what == "flood" else ways(host))
    print(json.dumps(result | {"records": len(http_coordinator._context_references)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
