"""A very cheap client: prepared requests on plain sockets, files by sendfile(2)."""

import asyncio
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self
from urllib.parse import urlsplit

from bench.access_file import HEADER, Slice

Headers = Mapping[str, str]

NO_HEADERS: Headers = MappingProxyType({})

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BOUNDARY = "5f1c6d0b8e6f4d7f9f54f0a2a1d4c3b2"
_SECONDS = 600


class UnexpectedAnswerError(Exception):
    """The service answered with another status than it should have."""


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def request(method: str, host: str, path: str, headers: Headers = NO_HEADERS, body: bytes | None = None) -> bytes:
    """A request; its body, if it has one, is JSON, unless the headers say otherwise."""
    if body is not None:
        headers = {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}
    return _head(method, host, path, headers) + (body or b"")


def form_request(
    host: str,
    path: str,
    size: int,
    name: str = "access.csv",
    headers: Headers = NO_HEADERS,
    *,
    chunked: bool = False,
) -> tuple[bytes, bytes]:
    """A form with a file of ``size`` bytes of CSV: what comes before the bytes of the file, and what after.

    ``chunked``: without a length, in one chunk. The Functions host streams such a body and keeps another one whole.
    """
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    part = f"--{_BOUNDARY}\r\n{disposition}\r\nContent-Type: text/csv\r\n\r\n".encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
    length = len(part) + size + len(tail)
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(length)}
    headers = {**headers, "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", **framing}
    if chunked:
        part, tail = f"{length:x}\r\n".encode() + part, tail + b"\r\n0\r\n\r\n"
    return _head("POST", host, path, headers) + part, tail


def _head(method: str, host: str, path: str, headers: Headers) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode()


class Connection:
    """One kept-alive connection, one request at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self._address = (parts.hostname or "", parts.port or 80)

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def send(self, request: bytes, *, status: int) -> bytes:
        """Send a request; gives the answer's body.

        Raises:
            UnexpectedAnswerError: the answer has another status.
        """
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._reader.readexactly(_content_length(head))
        _check(head, body, status)
        return body


def upload(url: str, session: str, path: Path, rows: Slice) -> bytes:
    """Upload rows of a file, chunked, on a new connection and block until the answer; gives its body.

    To be called in a thread: the kernel moves the bytes and Python waits without holding its lock.

    Raises:
        UnexpectedAnswerError: the answer is not 200.
    """
    parts = urlsplit(url)
    head, tail = form_request(parts.netloc, f"{session}/uploadFile", rows.size, chunked=True)
    with (
        path.open("rb") as file,
        socket.create_connection((parts.hostname, parts.port), timeout=_SECONDS) as sock,
    ):
        sock.setblocking(True)
        sock.sendall(head + HEADER)
        at, end = rows.offset, rows.offset + rows.length
        while at < end:
            at += os.sendfile(sock.fileno(), file.fileno(), at, end - at)
        sock.sendall(tail)
        return _read_answer(sock)


def _read_answer(sock: socket.socket) -> bytes:
    answer = bytearray()
    while b"\r\n\r\n" not in answer:
        piece = sock.recv(65536)
        if not piece:
            raise UnexpectedAnswerError("the connection was closed without an answer")
        answer += piece
    head, _, rest = bytes(answer).partition(b"\r\n\r\n")
    body = bytearray(rest)
    length = _content_length(head)
    while len(body) < length:
        body += sock.recv(65536)
    _check(head, bytes(body), 200)
    return bytes(body)


def _content_length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _check(head: bytes, body: bytes, status: int) -> None:
    if int(head.split(b" ", 2)[1]) != status:
        raise UnexpectedAnswerError(f"{head.decode()}\n{body.decode()[:2000]}")
