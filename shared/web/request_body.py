"""Reads the body of a request as a stream, with limits for its size and for the time it takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Request
from starlette.requests import ClientDisconnect

from shared.core.errors import BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE, GraphError, shortened
from shared.core.settings import settings
from shared.web.content_coding import GZIP, content_coding, gunzipped
from shared.web.contracts import Contract
from shared.web.limits import TransferLimit
from shared.web.pace import Patience, TooSlowError
from shared.web.request import limited_caller

# Read of a chunked body that was answered before anybody read it.
_MAX_UNREAD_BYTES = 1024 * 1024
_MAX_UNREAD_SECONDS = 2


async def read_json(req: Request) -> bytes:
    """The body of a request, which must have the media type of JSON.

    Raises:
        GraphError: 415 for another content type or a content encoding, 413 if the body is too large, 408.
    """
    contract: Contract = req.state.contract
    media_type = req.headers.get("content-type", "").split(";")[0].strip().lower()
    if contract.body is None or media_type not in {body.media_type for body in contract.body.kinds}:
        sent = f", not '{shortened(media_type)}'" if media_type else ""
        raise GraphError(
            UNSUPPORTED_MEDIA_TYPE, f"The body must be JSON: send the header 'Content-Type: application/json'{sent}."
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
        message = f"The body took longer than {patience} seconds, which is the limit (UPLOADS_STALL_SECONDS)."
        raise GraphError(REQUEST_TIMEOUT, message) from None
    return bytes(body)


@asynccontextmanager
async def streamed_body(req: Request, limit: TransferLimit) -> AsyncIterator[AsyncIterator[bytes]]:
    """The decoded body as a stream, while the request has one of the places of ``limit``.

    After an error, the rest of the body is read and discarded before the error is raised: the Functions host does not
    pass on an answer before the end of a chunked body. All of it, with the work of the caller of this function, is
    limited by the maximum duration of an upload.

    Raises:
        GraphError: 400 if the body cannot be decoded, 408 if the client is too slow or the time is over, 415 for a
            content coding that is not supported, 429 or 503 for too many transfers in progress.
    """
    config = settings()
    body = _pieces(req)
    failure: GraphError | None = None
    with limit.taken(limited_caller(req)):
        deadline = asyncio.timeout(config.max_upload_seconds)
        try:
            async with deadline:
                try:
                    yield gunzipped(body) if _coding(req) == GZIP else body
                except GraphError as error:
                    failure = error
                    await _discard(body, max_bytes=config.max_file_bytes)
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f"The upload took longer than {config.max_upload_seconds} seconds, which is the limit"
            failure = failure or GraphError(REQUEST_TIMEOUT, f"{message} (UPLOADS_MAX_UPLOAD_SECONDS).")
    if failure is not None:
        raise failure


async def received_whole(req: Request) -> bool:
    """Whether the body of a request that has been handled is received to its end, so that its connection can stay.

    The Functions host receives a body with a length itself. A chunked one goes on for as long as the caller likes, in a
    slot of the host, after it was answered. What nobody has begun to read is read here, within limits, so that a small
    request gets its answer; a reader that stopped before the end had a reason.
    """
    if "transfer-encoding" not in req.headers:
        return True
    if not req.state.body_at_end and not req.state.received:
        with suppress(TimeoutError, GraphError, ClientDisconnect):
            async with asyncio.timeout(_MAX_UNREAD_SECONDS):
                await _discard(_pieces(req), max_bytes=_MAX_UNREAD_BYTES)
    return bool(req.state.body_at_end)


async def _discard(body: AsyncIterator[bytes], *, max_bytes: int) -> None:
    """Read and discard the rest of a body, up to a number of bytes."""
    discarded = 0
    with suppress(GraphError):
        async for piece in body:
            discarded += len(piece)
            if discarded > max_bytes:
                return


def _coding(req: Request) -> str | None:
    contract: Contract = req.state.contract
    return content_coding(req.headers.get("content-encoding"), contract.content_codings)


async def _pieces(req: Request) -> AsyncIterator[bytes]:
    stream = req.stream()
    patience = Patience()
    while True:
        try:
            piece = await patience.wait(anext(stream, None))
        except TooSlowError as error:
            raise GraphError(REQUEST_TIMEOUT, str(error)) from None
        if piece is None:
            req.state.body_at_end = True
            return
        patience.moved(len(piece))
        req.state.received += len(piece)
        yield piece
