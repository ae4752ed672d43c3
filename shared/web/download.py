"""A response that streams a file, with the limits of a transfer: places, rate and time; and in parts (``Range``)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack

from azure.core.exceptions import AzureError
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Scope, Send

from shared.core.settings import settings
from shared.domain.ranges import ByteRange, requested_range
from shared.web.connections import abort, hold_little
from shared.web.limits import transfer_limit
from shared.web.log import log_storage_fault
from shared.web.pace import Patience, TooSlowError
from shared.web.request import actor, limited_caller

# Given to the server at a time. It holds one piece more than the connection takes.
_PIECE_BYTES = 64 * 1024

Read = Callable[[ByteRange | None], Awaitable[AsyncIterator[bytes]]]
"""Begins to read a file, or a part of it."""

Ended = Callable[[str | None, int], None]
"""Is told what cut the download, if anything did, and how many bytes were sent."""


class Download(StreamingResponse):
    """A file's bytes: 200 with all of them, or 206 with the range that the request asks for.

    Until ``begin`` it is the head only, which is all that HEAD and a request with a false condition get.
    """

    def __init__(self, read: Read, *, size: int, etag: str, media_type: str, headers: Mapping[str, str]) -> None:
        """The response with the whole file.

        Args:
            read: begins to read it.
            size: of the file, in bytes.
            etag: a strong one, which is another for other bytes.
            media_type: of the file.
            headers: other headers.
        """
        own = {"Content-Length": str(size), "Accept-Ranges": "bytes", "ETag": etag}
        super().__init__((), media_type=media_type, headers=own | dict(headers))
        self._read = read
        self._size = size
        self._etag = etag
        self._place = ExitStack()
        self._blocks: AsyncIterator[bytes]
        self._scope: Scope = {}
        self._request_id = ""
        self._until = 0.0
        self._sent = 0
        self.ended: Ended | None = None

    async def begin(self, req: Request) -> None:
        """Take a place and read the first bytes, so that what fails is an error response and no broken one.

        The place is given back when the download has ended, or when nobody refers to the response any more.

        Raises:
            GraphError: 416; 429 or 503 for too many transfers in progress; and what the read raises.
            AzureError: the file cannot be read.
        """
        part = requested_range(req.headers.get("range"), req.headers.get("if-range"), size=self._size, etag=self._etag)
        with ExitStack() as place:
            place.enter_context(transfer_limit().taken(limited_caller(req)))
            self._until = asyncio.get_running_loop().time() + settings().max_download_seconds
            self._blocks = await self._read(part)
            self._place = place.pop_all()
        self._scope = req.scope
        self._request_id = actor(req).request_id or ""
        hold_little(self._scope)
        if part is not None:
            self.status_code = 206
            self.headers["Content-Range"] = part.content_range(self._size)
            self.headers["Content-Length"] = str(part.length)

    async def stream_response(self, send: Send) -> None:
        """Send the response; one that is cut ends with its connection, so that nobody takes it for the whole.

        What cuts it: ``stalled`` and ``tooLong`` are the limits, ``disconnected`` the client; ``storage``; ``failed``.
        """
        cut: str | None = "failed"
        try:
            async with asyncio.timeout_at(self._until):
                await self._send_all(send)
            cut = None
        except TooSlowError:
            cut = "stalled"
        except TimeoutError:
            cut = "tooLong"
        except AzureError as error:
            log_storage_fault(error, self._request_id)
            cut = "storage"
        except asyncio.CancelledError:
            cut = "disconnected"
            raise
        finally:
            self._place.close()
            if self.ended is not None:
                self.ended(cut, self._sent)
            if cut is not None:
                abort(self._scope)
        # The server hears of an aborted connection in its next turn. Before, it would report a response without an end.
        await asyncio.sleep(0)

    async def _send_all(self, send: Send) -> None:
        patience = Patience()
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for block in self._blocks:
            for at in range(0, len(block), _PIECE_BYTES):
                piece = memoryview(block)[at : at + _PIECE_BYTES]
                await patience.wait(send({"type": "http.response.body", "body": piece, "more_body": True}))
                patience.moved(len(piece))
                self._sent += len(piece)
                # Sending waits only when the connection is full, and until then hears nothing of its end.
                await asyncio.sleep(0)
        await patience.wait(send({"type": "http.response.body", "body": b"", "more_body": False}))
