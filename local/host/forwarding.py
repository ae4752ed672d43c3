"""What happens to a request and its answer on the way between the caller and the app.

Microsoft's host forwards a request to the language worker with .NET's HttpClient. Each rule here was measured on
Functions host 4.1037.0.
"""

import asyncio
import time
from collections.abc import Mapping
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import uuid4

from starlette.types import Message, Receive, Scope, Send

from local.host.paths import encoded_path, encoded_query

# RFC 9110, section 7.6.1. Transfer-Encoding is set anew.
_HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
_FORWARDED = b"x-forwarded-"
# HttpMethod.MustHaveRequestBody of .NET: with every other method a missing body is sent as Content-Length: 0.
_WITHOUT_BODY = {"GET", "HEAD", "CONNECT", "OPTIONS", "DELETE"}

# A body with a length is kept in memory up to this size, else in a file, so that our own host stays small. Microsoft's
# host keeps all of it in memory.
_MEMORY_BYTES = 1024 * 1024
_PIECE_BYTES = 256 * 1024

# Kestrel's MinRequestBodyDataRate, which holds while the host reads a body with a length.
_MIN_BYTES_PER_SECOND = 240
_GRACE_SECONDS = 5


class ForwardingError(Exception):
    """The request could not be forwarded whole: the caller gets 500 without a body."""


def forwarded_scope(scope: Scope, path: str, parameters: Mapping[str, str]) -> Scope:
    """The request as the app sees it: the host writes path, query and headers anew.

    Args:
        scope: the request as it was received.
        path: its path, decoded.
        parameters: the parameters of the route.
    """
    return {
        **scope,
        "path": path,
        "raw_path": encoded_path(path),
        "query_string": encoded_query(scope["query_string"]),
        "path_params": dict(parameters),
        "headers": _forwarded_headers(scope),
    }


def _forwarded_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers that the app gets: a repeated one is joined, hop-by-hop ones are gone, and the host adds its own."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        if name not in _HOP_BY_HOP and not name.startswith(_FORWARDED):
            values.setdefault(name, []).append(value)
    headers = {name: (b"; " if name == b"cookie" else b", ").join(each) for name, each in values.items()}
    if _is_chunked(scope):
        headers[b"transfer-encoding"] = b"chunked"
        if b"content-length" in headers:
            headers[b"x-content-length"] = headers.pop(b"content-length")
    elif scope["method"] not in _WITHOUT_BODY:
        headers.setdefault(b"content-length", b"0")
    (address, port), client = scope["server"], scope["client"]
    headers |= {
        b"x-forwarded-for": client[0].encode() if client else b"",
        b"x-forwarded-host": headers.get(b"host", b""),
        b"x-forwarded-proto": scope["scheme"].encode(),
        b"x-ms-invocation-id": str(uuid4()).encode(),
        # The worker's own address.
        b"host": f"{address}:{port}".encode(),
    }
    return list(headers.items())


def _is_chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" and b"chunked" in value.lower() for name, value in scope["headers"])


class Exchange:
    """One request on its way to the app, and the answer on its way back.

    A body with a length is received whole before the app is called; a chunked one streams. An answer that the app gives
    earlier waits for the end of the body; if the app closes its connection with it, the caller does not get it.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, max_body_bytes: int) -> None:
        self._receive = receive
        self._send = send
        self._max_body_bytes = max_body_bytes
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        self._length = None if _is_chunked(scope) else int(length)
        self._held: SpooledTemporaryFile[bytes] | None = None
        self._received = 0
        self._at_end = self._length == 0
        self._failed = False
        self.answer_begun = False

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *_: object) -> None:
        """Free what was held of the body, also if it did not arrive whole."""
        if self._held is not None:
            self._held.close()

    async def hold_body(self) -> None:
        """Receive a body that has a length.

        Raises:
            ForwardingError: it is larger than the host accepts, too slow, or the caller is gone.
        """
        if not self._length:
            return
        if self._length > self._max_body_bytes:
            raise ForwardingError
        self._held = SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  # closed by __exit__
        began = time.monotonic()
        more = True
        while more:
            until = began + max(_GRACE_SECONDS, self._received / _MIN_BYTES_PER_SECOND)
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    message = await self._next()
            except TimeoutError:
                raise ForwardingError from None
            self._held.write(message["body"])
            more = message["more_body"]
        self._held.seek(0)

    async def receive(self) -> Message:
        """The next event for the app (ASGI)."""
        if self._at_end:
            return await self._receive()
        if self._held is None:
            try:
                message = await self._next()
            except ForwardingError:
                self._failed = True
                return {"type": "http.disconnect"}
        else:
            piece = self._held.read(_PIECE_BYTES)
            message = {"type": "http.request", "body": piece, "more_body": self._held.tell() < (self._length or 0)}
        self._at_end = not message["more_body"]
        return message

    async def send(self, message: Message) -> None:
        """Pass on an event of the app's answer (ASGI).

        Raises:
            ForwardingError: the caller cannot get the answer.
        """
        if message["type"] == "http.response.start":
            headers = [(name.lower(), value) for name, value in message["headers"]]
            if not self._at_end:
                if self._failed or (b"connection", b"close") in headers:
                    raise ForwardingError
                while self._held is None and not self._at_end:
                    self._at_end = not (await self._next())["more_body"]
            self.answer_begun = True
            message = {**message, "headers": [header for header in headers if header[0] not in _HOP_BY_HOP]}
        await self._send(message)

    async def _next(self) -> dict[str, Any]:
        """The next piece of the body from the caller."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise ForwardingError
        self._received += len(message.get("body", b""))
        if self._received > self._max_body_bytes:
            raise ForwardingError
        return {"type": "http.request", "body": message.get("body", b""), "more_body": message.get("more_body", False)}
