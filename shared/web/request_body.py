"""The body of a request, as it comes in: plain, and not slower than somebody would wait for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import cache

from fastapi import Request

from shared.core.errors import BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE, GraphError
from shared.core.settings import settings
from shared.web.limits import UploadLimit
from shared.web.parameters import actor


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
    patience = settings().stall_seconds
    try:
        # One byte now and then is no stall; so small a body has to be there in that time as a whole.
        async with asyncio.timeout(patience):
            async for piece in _pieces(req):
                body += piece
                if len(body) > limit:
                    message = f"The body is larger than {limit} bytes, which is the limit (UPLOADS_MAX_JSON_BYTES)."
                    raise GraphError(BODY_TOO_LARGE, message)
    except TimeoutError:
        raise _too_slow(f"The body took longer than {patience} seconds") from None
    return bytes(body)


@asynccontextmanager
async def streamed_body(req: Request) -> AsyncIterator[AsyncIterator[bytes]]:
    """The body as it arrives. If reading it ends in an error, the rest is read and dropped before the error goes on.

    Else the client, still sending, would get a broken pipe instead of its answer. What is dropped is bounded by the
    size of the largest file and the time of the longest upload: who sends more does not wait for an answer.

    Raises:
        GraphError: 415 for an encoding, 408 when nothing comes for too long, 429 for too many uploads at once.
    """
    body = _pieces(req)
    caller = actor(req).object_id
    try:
        with _upload_limit().taken(caller) if caller else nullcontext():
            yield body
    except GraphError:
        dropped = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(settings().max_upload_seconds):
                async for piece in body:
                    dropped += len(piece)
                    if dropped > settings().max_file_bytes:
                        break
        raise


@cache
def _upload_limit() -> UploadLimit:
    return UploadLimit(settings().max_uploads_at_once)


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
            raise _too_slow(f"Nothing of the body came for {patience} seconds") from None
        if piece is None:
            return
        req.state.received += len(piece)
        yield piece


def _too_slow(what: str) -> GraphError:
    message = f"{what}, which is the limit (UPLOADS_STALL_SECONDS)."
    return GraphError(REQUEST_TIMEOUT, message, headers={"Connection": "close"})
