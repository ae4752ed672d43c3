"""Stands between the client and the service as Microsoft's Functions host does, and answers in its place on demand.

An answer of its own has no body and no ``request-id`` (seen on Functions host 4.1037.0).
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from accup import Client, RetryPolicy
from tests.client.forwarding import Answer, ForwardingHandler, running
from tests.support.client import Session

CUT = 0
"""In place of a status: the connection ends while the body is being sent."""

LARGE_BYTES = 2**20

# What the app answers before it reads a large body: the caller gets 500 without a body, and the connection ends.
_EARLY = frozenset({401, 403, 404, 409, 415, 429, 503})
_LOST: Answer = (500, [], b"")

Chosen = Callable[[str, str], bool]


@dataclass(slots=True)
class Seen:
    """A request: how it came, and the bytes of its body that were read."""

    method: str
    path: str
    headers: dict[str, str]
    body_bytes: int = 0

    @property
    def framing(self) -> str:
        """How its body is sent."""
        return "chunked" if self.headers.get("transfer-encoding") == "chunked" else "length"

    @property
    def encoding(self) -> str | None:
        """Its Content-Encoding."""
        return self.headers.get("content-encoding")


@dataclass
class FunctionsHost:
    """The host: what it was sent, and how it behaves.

    ``limits``: what ``/uploads/config`` tells in place of the service's own limits. ``most``: the largest body.
    """

    url: str = ""
    requests: list[Seen] = field(default_factory=list)
    limits: dict[str, Any] = field(default_factory=dict)
    has_configuration: bool = True
    most: int | None = None
    _answers: list[tuple[Chosen, int]] = field(default_factory=list)

    def answers(self, status: int, *, times: int = 1, method: str | None = None, path: str = "") -> None:
        """Answer with a status, or cut, as many requests of a method whose path ends so."""
        self._answers += [(lambda sent, at: method in (None, sent) and at.endswith(path), status)] * times

    def own_answer(self, method: str, path: str) -> int | None:
        """The status with which it answers a request itself, if it does."""
        for each in self._answers:
            chosen, status = each
            if chosen(method, path):
                self._answers.remove(each)
                return status
        return None

    @property
    def uploads(self) -> list[Seen]:
        """The uploads among the requests."""
        return [seen for seen in self.requests if seen.path.endswith("/uploadFile")]

    @property
    def steps(self) -> list[str]:
        """The requests, as the method and the last part of the path."""
        return [f"{seen.method} {seen.path.rsplit('/', 1)[-1]}" for seen in self.requests]


class _Handler(ForwardingHandler):
    host: FunctionsHost

    def serve(self) -> None:
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, path, headers)
        self.host.requests.append(seen)
        own = self.host.own_answer(self.command, path)
        if own == CUT:
            seen.body_bytes = len(next(self.pieces(), b""))
            self.close_connection = True
            return
        body = self._body(seen, keep=own is None)
        if own is not None:
            answer: Answer = (own, [], b"")
        elif self.host.most is not None and seen.body_bytes > self.host.most:
            answer = _LOST
        else:
            answer = self.forward(body)
            if path == "/uploads/config":
                answer = self._configuration(answer)
            elif seen.body_bytes > LARGE_BYTES and answer[0] in _EARLY:
                answer = _LOST
        self.close_connection = self.close_connection or answer is _LOST
        self.start_answer(answer)
        self.wfile.write(answer[2])

    def _body(self, seen: Seen, *, keep: bool) -> bytes:
        body = bytearray()
        for piece in self.pieces():
            seen.body_bytes += len(piece)
            if keep and (self.host.most is None or seen.body_bytes <= self.host.most):
                body += piece
        return bytes(body)

    def _configuration(self, answer: Answer) -> Answer:
        if not self.host.has_configuration:
            return 404, [("request-id", "none")], b"{}"
        told = json.loads(answer[2])
        told["limits"] |= self.host.limits
        return answer[0], answer[1], json.dumps(told).encode()


@contextmanager
def functions_host(upstream: str) -> Iterator[FunctionsHost]:
    """The host while it runs."""
    host = FunctionsHost()
    handler = type("Handler", (_Handler,), {"host": host, "upstream": upstream})
    with running(handler) as host.url:
        yield host


def upload(
    session: Session,
    host: FunctionsHost,
    content: bytes | Callable[[], BinaryIO],
    *,
    size: int | None = None,
    attempts: int = 3,
    progress: Callable[[int], None] | None = None,
    compress: bool | None = None,
) -> list[str]:
    """Upload a file into a session through the host; gives the names of the session's files then."""
    source = content if callable(content) else lambda: io.BytesIO(content)
    size = size if callable(content) else len(content)
    with Client(host.url, retries=RetryPolicy(attempts, first_delay=0.01)) as client:
        sessions = client.resource(session.resource.catalog_id, session.resource.resource_id)
        after = sessions.upload(session.id, source, name="doors.csv", size=size, progress=progress, compress=compress)
    return [file.name for file in after.files]
