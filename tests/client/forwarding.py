"""The common part of the proxies between the client and the service."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

_OF_THE_CONNECTION = ("transfer-encoding", "connection", "content-length", "date", "server")


class ForwardingHandler(BaseHTTPRequestHandler):
    """Serves each request by ``serve``; what it needs for that is here."""

    protocol_version = "HTTP/1.1"
    upstream: str

    def serve(self) -> None:
        """Answer a request, whose body has not been read."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.serve()

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the names that the base class calls

    @property
    def is_chunked(self) -> bool:
        """Whether the request has a chunked body."""
        return self.headers.get("Transfer-Encoding", "").lower() == "chunked"

    def pieces(self) -> Iterator[bytes]:
        """The request's body, without the marks of the chunks."""
        if not self.is_chunked:
            left = int(self.headers.get("Content-Length") or 0)
            while left and (piece := self.rfile.read(min(left, 2**16))):
                left -= len(piece)
                yield piece
            return
        while size := int(self.rfile.readline() or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def forward(self, body: bytes) -> Answer:
        """Send the request on, framed as it came, and read the answer."""
        parts = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path, body, headers, encode_chunked=self.is_chunked)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def start_answer(self, answer: Answer) -> None:
        """Send the head of an answer."""
        status, headers, content = answer
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(handler: type[ForwardingHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a proxy while it runs; with ``tls`` for ``https://localhost``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        # In the thread of each connection: a handshake that fails ends that connection only.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that was cut off cuts off, too
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_port}" if tls else f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
