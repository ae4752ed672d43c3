"""The part of the Functions host that the load plays for Microsoft's worker (``bench.worker``)."""

import json
import socket
from functools import partial
from urllib.parse import unquote
from uuid import uuid4

from local.host.routing import Route, Router


class Invocations:
    """Finds the function of each request, and sends the worker the message of its invocation."""

    def __init__(self, path: str) -> None:
        """Connect to the worker's Unix socket."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        functions = json.loads(self._socket.makefile().readline())
        self._router = Router(
            Route(each["name"], each["route"], frozenset(each["methods"]), partial(self._invoke, each["id"]))
            for each in functions
        )

    def __call__(self, request: bytes) -> bytes:
        """Send the invocation of a request; gives the request with the id of the invocation in it."""
        line, rest = request.split(b"\r\n", 1)
        method, path, _ = line.decode().split(" ")
        found = self._router.find(method, unquote(path.partition("?")[0]))
        assert found is not None, path
        route, parameters = found
        return b"%b\r\nx-ms-invocation-id: %b\r\n%b" % (line, route.handler(method, path, parameters), rest)

    def _invoke(self, function_id: str, method: str, path: str, route: dict[str, str]) -> bytes:
        invocation_id = str(uuid4())
        invocation = {
            "function_id": function_id,
            "invocation_id": invocation_id,
            "method": method,
            "path": path,
            "route": route,
        }
        self._socket.sendall(json.dumps(invocation).encode() + b"\n")
        return invocation_id.encode()
