"""What the client of Graph makes of answers that nothing good can come of."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.domain.deliveries import DeliveryError
from shared.domain.sessions import ResourceKey
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
