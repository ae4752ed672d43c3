"""A small function app, to see what our own host does with bodies, timers and too many requests."""

import asyncio
from pathlib import Path

import azure.functions as func
from azurefunctions.extensions.http.fastapi import PlainTextResponse, Request, Response

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
HERE = Path(__file__).parent


async def _go() -> None:
    while not (HERE / "go").exists():  # noqa: ASYNC110  # another process makes it
        await asyncio.sleep(0.02)


@app.route(route="read", methods=["POST"])
async def read(req: Request) -> Response:
    """The size of the body, after a note that the function was called."""
    (HERE / "called").touch()
    size = 0
    async for piece in req.stream():
        size += len(piece)
    return PlainTextResponse(str(size))


@app.route(route="refuse", methods=["POST"])
async def refuse(req: Request) -> Response:
    """403 before the body is read; with ``?close`` also the wish to close the connection."""
    return Response(status_code=403, headers={"Connection": "close"} if "close" in req.query_params else {})


@app.route(route="wait", methods=["GET"])
async def wait(req: Request) -> Response:
    """204 when the file ``go`` is there."""
    await _go()
    return Response(status_code=204)


@app.timer_trigger("timer", "0 0 0 1 1 *")
async def tick(timer: func.TimerRequest) -> None:
    """Wait for the file ``go``, then note that it has run."""
    await _go()
    (HERE / "ticked").touch()


@app.timer_trigger("timer", "0 0 0 1 1 *")
async def fail(timer: func.TimerRequest) -> None:
    """Fail."""
    raise RuntimeError
