"""HTTP/1.1 written out on a socket, for what no well-behaved client sends."""

import http.client
import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it came over the socket."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body, which is a JSON object."""
        body = json.loads(self.body)
        assert isinstance(body, dict)
        return body


@contextmanager
def connection(service: str) -> Iterator[socket.socket]:
    """A TCP connection to the service that sends every piece at once, and waits 30 seconds at most."""
    address = urlsplit(service)
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), timeout=30) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connected


def head(method: str, target: str, headers: dict[str, str]) -> bytes:
    """The request line and the headers."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def upload_head(session_path: str, headers: dict[str, str], boundary: str = "testboundary") -> bytes:
    """The head of an upload; ``headers`` say how the body's length is told."""
    return head(
        "POST",
        f"{session_path}/uploadFile",
        {"Content-Type": f"multipart/form-data; boundary={boundary}", **headers},
    )


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; an empty one ends it."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def read_answer(connected: socket.socket) -> RawAnswer:
    """Read one answer; interim ones (100 Continue) are passed over."""
    with closing(http.client.HTTPResponse(connected)) as response:
        response.begin()
        body = response.read()
    UUID(response.headers["request-id"])
    assert response.headers["client-request-id"]
    assert response.headers["Date"]
    return RawAnswer(response.status, response.headers, body)


def exchange(service: str, pieces: Iterable[bytes]) -> RawAnswer:
    """Send the pieces one by one and read the answer."""
    with connection(service) as connected:
        for piece in pieces:
            connected.sendall(piece)
        return read_answer(connected)
