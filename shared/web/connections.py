"""Ends the connection of a response at once, with what is still on its way.

ASGI has no means for it: a server closes a connection when everything was sent, and the system sends on what it holds
of it. A reader who has stopped reading, or takes a byte now and then, keeps megabytes and the request alive in this
way, in the Functions host too, which restarts the worker when the request is older than ``functionTimeout``. So the
connection of a request is noted in its scope, where ``abort`` finds it.
"""

import asyncio
import socket
import struct
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http import httptools_impl

_NAME = "uploads.connection"

# Of a connection whose reader may be slow: the system would let it grow to some megabytes, which are in no limit, and
# whose reading is not seen for minutes. The Functions host, which reads from here, is on the same machine.
_SEND_BUFFER_BYTES = 256 * 1024

# The system discards what was not sent, and tells the other side that the connection is broken (RST).
_DISCARD = struct.pack("ii", 1, 0)


class _NotingCycle(httptools_impl.RequestResponseCycle):
    """A request and its response, as uvicorn has them, with its connection in the scope."""

    def __init__(self, scope: Any, transport: asyncio.Transport, *arguments: Any, **options: Any) -> None:
        scope.setdefault("extensions", {})[_NAME] = {"transport": transport}
        super().__init__(scope, transport, *arguments, **options)


def note_connections() -> None:
    """Have uvicorn note the connection of each request: the worker's server, and that of our own host."""
    httptools_impl.RequestResponseCycle = _NotingCycle  # type: ignore[misc]


def hold_little(scope: Scope) -> None:
    """Have the system hold little of the response that has not arrived yet."""
    if connection := _socket(scope):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)


def abort(scope: Scope) -> None:
    """End the connection of a request; another server than uvicorn closes it when the response ends early."""
    if connection := _socket(scope):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
        _transport(scope).abort()


def _socket(scope: Scope) -> Any:
    transport = _transport(scope)
    return None if transport is None or transport.is_closing() else transport.get_extra_info("socket")


def _transport(scope: Scope) -> Any:
    return scope.get("extensions", {}).get(_NAME, {}).get("transport")
