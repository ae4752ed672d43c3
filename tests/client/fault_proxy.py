"""An HTTP proxy that cuts connections, delays, answers 503, and sends requests twice, as its dice say."""

import http.client
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit

FAULTS = ("cut before", "cut after", "cut the answer", "busy", "delay", "twice")


class FaultProxy:
    """The proxy: its URL, and how often it did what."""

    def __init__(self, upstream: str, seed: int, share: float) -> None:
        self.url = ""
        self.upstream = urlsplit(upstream)
        self.counts: Counter[str] = Counter()
        self._share = share
        self._dice = random.Random(seed)
        self._lock = Lock()

    def fault(self) -> str | None:
        """What happens to the next request."""
        with self._lock:
            # The first request always, so that there is a fault in every run.
            hit = not self.counts or self._dice.random() < self._share
            chosen = self._dice.choice(FAULTS) if hit else None
            self.counts[chosen or "none"] += 1
            return chosen


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def _serve(self) -> None:
        fault = self.proxy.fault()
        if fault == "cut before":
            # In the middle of the request's body.
            self.rfile.read(min(1000, int(self.headers.get("Content-Length") or 0)))
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault == "busy":
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "delay":
            time.sleep(0.5)
        status, headers, answer = self._forward(body)
        if fault == "twice":
            status, headers, answer = self._forward(body)
        if fault == "cut after":
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if fault == "cut the answer":
            self.wfile.write(answer[: len(answer) // 2])
            self.close_connection = True
            return
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815  # the names that the base class calls

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(
            self.proxy.upstream.hostname or "", self.proxy.upstream.port, timeout=60
        )
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fault_proxy(upstream: str, *, seed: int, share: float) -> Iterator[FaultProxy]:
    """The proxy while it runs; ``share`` of the requests meet a fault."""
    proxy = FaultProxy(upstream, seed, share)

    class Handler(_Handler):
        pass

    Handler.proxy = proxy
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that was cut off cuts off, too
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
