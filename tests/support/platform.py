"""App Service authentication in front of the service, as a browser meets it: a cookie, and a header for the app."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tests.support.client import NO_TLS

COOKIE = "AppServiceAuthSession"

_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "transfer-encoding", "date", "server"})


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """The URL of an ASGI app that runs in a thread, on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def platform(service: str, principal: str) -> Starlette:
    """A proxy that signs requests that carry the cookie, in the header that the app believes and no caller can set."""

    async def forward(request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP]
        headers = [(name, value) for name, value in headers if name != "x-ms-client-principal"]
        if COOKIE in request.cookies:
            headers.append(("x-ms-client-principal", principal))
        async with httpx.AsyncClient(timeout=60, verify=NO_TLS) as client:
            answer = await client.request(
                request.method,
                f"{service}{request.url.path}",
                params=request.url.query,
                headers=headers,
                content=await request.body(),
            )
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP_BY_HOP | {"content-encoding"}}
        return Response(answer.content, answer.status_code, kept)

    async def log_in(request: Request) -> Response:
        response = RedirectResponse(request.query_params.get("post_login_redirect_uri", "/.auth/login/done"))
        response.set_cookie(COOKIE, "signed-in", httponly=True, samesite="lax")
        return response

    async def done(_: Request) -> Response:
        return Response("You are signed in.")

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    own = [Route("/.auth/login/aad", log_in), Route("/.auth/login/done", done)]
    return Starlette(routes=[*own, Route("/{path:path}", forward, methods=methods)])


def page(html: str) -> Starlette:
    """A site of one page."""

    async def answer(_: Request) -> Response:
        await asyncio.sleep(0)
        return Response(html, media_type="text/html")

    return Starlette(routes=[Route("/", answer)])
