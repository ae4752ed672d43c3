"""What the client of Graph makes of answers that nothing good can come of."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.core.ids import utc_now
from shared.domain.deliveries import DeliveryError
from shared.domain.sessions import ResourceKey, StoredFile
from shared.targets.graph_client import GraphClient
from tests.support.served import served


async def failure(answer: Response) -> tuple[DeliveryError, list[str]]:
    """The error of a call that is answered so, and the paths that were asked for."""
    paths = []

    async def target(request: Request) -> Response:
        paths.append(request.url.path)
        return answer

    async def no_token() -> None:
        return None

    with served(Starlette(routes=[Route("/{path:path}", target)])) as address:
        async with aiohttp.ClientSession() as http:
            client = GraphClient(http, f"{address}/v1.0", ResourceKey("c", "r"), no_token)
            with pytest.raises(DeliveryError) as caught:
                await client.read("s")
    return caught.value, paths


async def test_a_redirect_is_not_followed() -> None:
    error, paths = await failure(RedirectResponse("/elsewhere"))

    assert "redirect" in error.message
    assert error.final
    assert paths == ["/v1.0/identityGovernance/entitlementManagement/catalogs/c/resources/r/uploadSessions/s"]


async def test_an_endless_answer_is_left() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536
            # The server learns of a client that has left only while it waits.
            await asyncio.sleep(0.001)

    error, _ = await failure(StreamingResponse(endless()))

    assert "too long" in error.message
    assert not error.final


@pytest.mark.parametrize("content", [b"<html>", b"\xff\xfe"])
async def test_an_answer_that_is_not_json_is_an_error(content: bytes) -> None:
    error, _ = await failure(Response(content))

    assert "not JSON" in error.message


@asynccontextmanager
async def target(serve: Callable[[asyncio.StreamReader], Awaitable[None]]) -> AsyncIterator[GraphClient]:
    """A client of a target that takes a request as ``serve`` does, and never answers."""

    connections: list[asyncio.Task[None]] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            await serve(reader)
            await reader.read()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(take(reader, writer)))

    async def no_token() -> None:
        return None

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2**10)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1.0"
    try:
        async with aiohttp.ClientSession() as http:
            yield GraphClient(http, base, ResourceKey("c", "r"), no_token)
    finally:
        server.close()
        # Without this the client's socket would stay open for what the target has not taken.
        for connection in connections:
            connection.cancel()
        await asyncio.wait(connections)
        await asyncio.sleep(0.1)


async def sent(client: GraphClient, size: int) -> str:
    """What comes of sending a file, in words."""

    async def content() -> AsyncIterator[bytes]:
        for _ in range(0, size, 2**22):
            yield bytes(2**22)

    file = StoredFile("i", "a.csv", size, "", 1, "graph", 0, utc_now())
    with pytest.raises(DeliveryError) as caught:
        await client.upload("s", file, content())
    return caught.value.message


async def takes_nothing(_: asyncio.StreamReader) -> None:
    await asyncio.sleep(60)


async def takes_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(2**20):
        pass


@pytest.mark.parametrize("serve", [takes_nothing, takes_all])
async def test_an_upload_that_stalls_is_ended(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[asyncio.StreamReader], Awaitable[None]]
) -> None:
    monkeypatch.setattr("shared.targets.graph_client._STALL_SECONDS", 0.5)
    async with target(serve) as client:
        assert "stalled for 0.5 seconds" in await asyncio.wait_for(sent(client, 2**25), 10)


async def test_an_upload_that_is_slow_is_not_ended_while_it_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.targets.graph_client._STALL_SECONDS", 1)
    began = asyncio.get_running_loop().time()
    took = []

    async def slowly(reader: asyncio.StreamReader) -> None:
        for _ in range(12):
            await asyncio.sleep(0.2)
            await reader.readexactly(2**20)
        took.append(asyncio.get_running_loop().time() - began)
        await asyncio.sleep(60)

    async with target(slowly) as client:
        await asyncio.wait_for(sent(client, 2**26), 30)
    assert took, "it was ended while the target took what it could"
    assert took[0] > 2
