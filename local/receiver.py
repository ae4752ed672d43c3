"""A small receiver of events, as docs/deliveries.md describes one: it agrees, verifies signatures, and keeps events."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

LONGEST_AGE_SECONDS = 300


def new_secret() -> str:
    """A secret of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Receiver:
    """What has arrived: ``agreed`` counts handshakes, ``refused`` events whose signature is not right."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = new_secret()
        self.agreed = 0
        self.refused = 0
        self.events: list[dict[str, Any]] = []

    def is_genuine(self, identifier: str, timestamp: str, signature: str, body: bytes) -> bool:
        """Whether the service has signed this body a moment ago."""
        if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > LONGEST_AGE_SECONDS:
            return False
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{identifier}.{timestamp}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return hmac.compare_digest(signature.encode(), expected.encode())


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:  # the name that http.server calls
            receiver.agreed += 1
            self._answer(200, {"WebHook-Allowed-Origin": self.headers.get("WebHook-Request-Origin", "")})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            identifier, timestamp, signature = (
                self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
            )
            if not receiver.is_genuine(identifier, timestamp, signature, body):
                receiver.refused += 1
                self._answer(401)
                return
            event = json.loads(body)
            # An event may come twice, with the same id.
            if event["id"] not in {known["id"] for known in receiver.events}:
                receiver.events.append(event)
            self._answer(204)

        def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/events"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
