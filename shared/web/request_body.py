"""Reads the body of a request as a stream, with limits for its size and for the time it takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import cache

from fastapi import Request

from shared.core.errors import BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE, GraphError
from shared.core.settings import settings
from shared.web.limits import UploadLimit
from shared.web.request import actor


async def read_json(req: Request) -> bytes:
    """The body of a request, which must have the media type of JSON.

    Raises:
        GraphError: 415 for another content type or a content encoding, 413 if the body is too large, 408.
    """
    media_type = req.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise GraphError(
            UNSUPPORTED_MEDIA_TYPE, "The body must be JSON: send the header 'Content-Type: application/json'."
        )
    body, limit = bytearray(), settings().max_json_bytes
    patience = settings().stall_seconds
    try:
        # A client that sends a byte now and then never stalls, so the limit is for the whole body here.
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
    """The body as a stream. After an error, the rest of the body is read and discarded before the error is raised.

    Otherwise a client that is still sending would get a broken pipe instead of the response. The discarded part is
    limited by the maximum size of a file and the maximum duration of an upload.

    Raises:
        GraphError: 415 for a content encoding, 408 if the client stalls, 429 for too many concurrent uploads.
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
            UNSUPPORTED_MEDIA_TYPE,
            "This operation does not support the header Content-Encoding. Send the body without compression.",
        )
    stream = req.stream()
    patience = settings().stall_seconds
    while True:
        try:
            async with asyncio.timeout(patience):
                piece = await anext(stream, None)
        except TimeoutError:
            raise _too_slow(f"No data was received for {patience} seconds") from None
        if piece is None:
            return
        req.state.received += len(piece)
        yield piece


def _too_slow(what: str) -> GraphError:
    message = f"{what}, which is the limit (UPLOADS_STALL_SECONDS)."
    return GraphError(REQUEST_TIMEOUT, message, headers={"Connection": "close"})
