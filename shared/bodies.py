"""The body of a request, as it comes in: plain, and not slower than somebody would wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from shared.errors import BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE, GraphError
from shared.settings import settings


async def read_json(req: Request) -> bytes:
    """The body of a request that must be JSON.

    Raises:
        GraphError: 415 for another content type or an encoding, 413 for a body that is too large, 408.
    """
    media_type = req.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise GraphError(
            UNSUPPORTED_MEDIA_TYPE, "The body must be JSON: send the header 'Content-Type: application/json'."
        )
    body, limit = bytearray(), settings().max_json_bytes
    async for piece in _pieces(req):
        body += piece
        if len(body) > limit:
            raise GraphError(
                BODY_TOO_LARGE, f"The body is larger than {limit} bytes, which is the limit (UPLOADS_MAX_JSON_BYTES)."
            )
    return bytes(body)


@asynccontextmanager
async def streamed_body(req: Request) -> AsyncIterator[AsyncIterator[bytes]]:
    """The body as it arrives. If reading it ends in an error, the rest is read and dropped before the error goes on.

    Else the client, still sending, would get a broken pipe instead of its answer. What is dropped is bounded by the
    size of the largest file: who sends more than that does not wait for an answer.

    Raises:
        GraphError: 415 for an encoding, 408 when nothing comes for too long.
    """
    body = _pieces(req)
    try:
        yield body
    except GraphError:
        dropped = 0
        async for piece in body:
            dropped += len(piece)
            if dropped > settings().max_file_bytes:
                break
        raise


async def _pieces(req: Request) -> AsyncIterator[bytes]:
    if req.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise GraphError(
            UNSUPPORTED_MEDIA_TYPE, "Send the body as it is: no Content-Encoding is taken here, gzip neither."
        )
    stream = req.stream()
    patience = settings().stall_seconds
    while True:
        try:
            async with asyncio.timeout(patience):
                piece = await anext(stream, None)
        except TimeoutError:
            raise GraphError(
                REQUEST_TIMEOUT,
                f"Nothing of the body came for {patience} seconds, which is the limit (UPLOADS_STALL_SECONDS).",
                headers={"Connection": "close"},
            ) from None
        if piece is None:
            return
        req.state.received += len(piece)
        yield piece
