"""HTTP/1.1 written out on a socket, for what no well-behaved client sends."""

import http.client
import json
import select
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
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
def connection(service: str, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """A TCP connection to the service that sends every piece at once, and waits 30 seconds at most."""
    address = urlsplit(service)
    assert address.hostname
    assert address.port
    with socket.create_connection(
        (address.hostname, address.port), timeout=30, source_address=(source, 0)
    ) as connected:
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


def read_host_answer(connected: socket.socket) -> int:
    """Read an answer that the Functions host gives itself: it has no body and no request id. Gives its status."""
    with closing(http.client.HTTPResponse(connected)) as response:
        response.begin()
        assert response.read() == b""
    assert "request-id" not in response.headers
    return response.status


def send_until_refused(connected: socket.socket, pieces: Iterable[bytes], *, pause: float) -> None:
    """Send pieces, with a pause after each. Before the last one the host must answer 500, or end the connection."""
    with suppress(ConnectionError):  # it may end while a piece is on its way
        for piece in pieces:
            if select.select([connected], [], [], pause)[0]:
                break
            connected.sendall(piece)
        else:
            raise AssertionError("the body was received to its end")
        assert read_host_answer(connected) == 500


def host_answer(service: str, pieces: Iterable[bytes]) -> int:
    """Send the pieces one by one; gives the status of the answer, which the Functions host gives itself."""
    with connection(service) as connected:
        for piece in pieces:
            connected.sendall(piece)
        return read_host_answer(connected)


def exchange(service: str, pieces: Iterable[bytes]) -> RawAnswer:
    """Send the pieces one by one and read the answer."""
    with connection(service) as connected:
        for piece in pieces:
            connected.sendall(piece)
        return read_answer(connected)
