"""Reads the body of a request as a stream, with limits for its size and for the time it takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import cache

from fastapi import Request

from shared.core.errors import BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE, GraphError
from shared.core.settings import settings
from shared.web.content_coding import GZIP, content_coding, gunzipped
from shared.web.contracts import Contract
from shared.web.limits import UploadLimit
from shared.web.request import actor

# Read of the body of an upload that is refused because too many are in progress.
_MAX_REFUSED_BYTES = 1024 * 1024
_MAX_REFUSED_SECONDS = 2


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
    _coding(req)
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
        raise _too_slow(f"The body took longer than {patience} seconds", "UPLOADS_STALL_SECONDS") from None
    return bytes(body)


@asynccontextmanager
async def streamed_body(req: Request) -> AsyncIterator[AsyncIterator[bytes]]:
    """The decoded body as a stream, while the request is one of the uploads in progress.

    After an error, the rest of the body is read and discarded before the error is raised: otherwise a client that is
    still sending would get a broken pipe instead of the response. All of it, with the work of the caller of this
    function, is limited by the maximum duration of an upload.

    Raises:
        GraphError: 400 if the body cannot be decoded, 408 if the client stalls or the time is over, 415 for a content
            coding that is not supported, 429 or 503 for too many uploads in progress.
    """
    config = settings()
    body = _pieces(req)
    failure: GraphError | None = None
    with ExitStack() as slot:
        try:
            slot.enter_context(_upload_limit().taken(actor(req).object_id or ""))
        except GraphError as error:
            # Without a slot only a little is read. A client that is sending more may lose this response.
            await _discard(body, error, max_bytes=_MAX_REFUSED_BYTES, seconds=_MAX_REFUSED_SECONDS)
            raise
        deadline = asyncio.timeout(config.max_upload_seconds)
        try:
            async with deadline:
                try:
                    yield gunzipped(body) if _coding(req) == GZIP else body
                except GraphError as error:
                    failure = error
                    await _discard(body, error, max_bytes=config.max_file_bytes)
        except TimeoutError:
            if not deadline.expired():
                raise
            failure = failure or _too_slow(
                f"The upload took longer than {config.max_upload_seconds} seconds", "UPLOADS_MAX_UPLOAD_SECONDS"
            )
    if failure is not None:
        raise failure


async def _discard(
    body: AsyncIterator[bytes], error: GraphError, *, max_bytes: int, seconds: float | None = None
) -> None:
    """Read and discard the rest of a body, within limits. If there is more of it, ``error`` closes the connection."""
    error.headers["Connection"] = "close"
    discarded = 0
    with suppress(TimeoutError, GraphError):
        async with asyncio.timeout(seconds):
            async for piece in body:
                discarded += len(piece)
                if discarded > max_bytes:
                    return
            del error.headers["Connection"]


@cache
def _upload_limit() -> UploadLimit:
    config = settings()
    return UploadLimit(per_caller=config.max_uploads_at_once, per_process=config.max_uploads_per_process)


def _coding(req: Request) -> str | None:
    contract: Contract = req.state.contract
    return content_coding(req.headers.get("content-encoding"), contract.content_codings)


async def _pieces(req: Request) -> AsyncIterator[bytes]:
    stream = req.stream()
    patience = settings().stall_seconds
    while True:
        try:
            async with asyncio.timeout(patience):
                piece = await anext(stream, None)
        except TimeoutError:
            raise _too_slow(f"No data was received for {patience} seconds", "UPLOADS_STALL_SECONDS") from None
        if piece is None:
            return
        req.state.received += len(piece)
        yield piece


def _too_slow(what: str, setting: str) -> GraphError:
    message = f"{what}, which is the limit ({setting})."
    return GraphError(REQUEST_TIMEOUT, message, headers={"Connection": "close"})
