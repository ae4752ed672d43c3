"""Proxies, mostly in front of storage, that tests shut or get stuck: an outage of tables, of blobs, or of the queue."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

SLOW_SECONDS = 0.15

_REFUSAL = '<?xml version="1.0" encoding="utf-8"?><Error><Code>Refused</Code><Message>By a test.</Message></Error>'


class Gate:
    """A proxy in front of a port.

    It is ``open``, ``shut`` (connections are refused), ``stuck`` (no response comes), ``slow`` (each piece takes
    ``SLOW_SECONDS`` more), or answers each request with a status, such as ``403``.

    With ``stuck_after`` it gets stuck by itself when so many bytes have passed.
    """

    def __init__(self, port: int, *, stuck_after: int = sys.maxsize) -> None:
        self.state = "open"
        self._left = stuck_after
        self._behind = port
        # Bound all the time, and never listening: so the port stays ours while connections to it are refused.
        self._kept = _bound(0)
        self.port: int = self._kept.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._moving = asyncio.Event()
        self._moving.set()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self.set("open")

    @property
    def is_stuck(self) -> bool:
        """Whether nothing passes."""
        return not self._moving.is_set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "shut":
            writer.transport.abort()
            return
        if self.state.isdigit():
            await reader.read(65536)
            head = f"Content-Type: application/xml\r\nContent-Length: {len(_REFUSAL)}\r\nConnection: close"
            writer.write(f"HTTP/1.1 {self.state} Refused\r\n{head}\r\n\r\n{_REFUSAL}".encode())
            await writer.drain()
            writer.close()
            return
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", self._behind)
        if self.state == "shut":
            writer.transport.abort()
            behind.transport.abort()
            return
        self._writers |= {writer, behind}
        await asyncio.gather(self._pass(reader, behind), self._pass(behind_reader, writer), return_exceptions=True)
        behind.close()
        writer.close()
        self._writers -= {writer, behind}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self._left -= len(data)
            if self._left <= 0 < self._left + len(data):
                self._moving.clear()
            await self._moving.wait()
            if self.state == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            writer.write(data)
            await writer.drain()
        writer.close()

    def set(self, state: str) -> None:
        """Set the state. Shutting it also breaks open connections."""
        self.state = state
        asyncio.run_coroutine_threadsafe(self._become(state), self._loop).result()

    async def _become(self, state: str) -> None:
        if state == "stuck":
            self._moving.clear()
        else:
            self._moving.set()
        if state == "shut" or state.isdigit():
            for writer in list(self._writers):
                writer.transport.abort()
        if state == "shut":
            if self._server is not None:
                self._server.close()
                self._server = None
        elif self._server is None:
            self._server = await asyncio.start_server(self._connected, sock=_bound(self.port))

    async def _ended(self) -> None:
        """Wait until all connections have noticed that they were aborted."""
        ours = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*ours, return_exceptions=True)
        await asyncio.sleep(0)

    def close(self) -> None:
        """Stop, and close every connection."""
        self.set("shut")
        asyncio.run_coroutine_threadsafe(self._ended(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._kept.close()
        self._loop.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


_ENDPOINTS = ("TableEndpoint", "BlobEndpoint", "QueueEndpoint")


@dataclass(frozen=True, slots=True)
class Gates:
    """The connection string that leads through the gates, and the gates."""

    connection_string: str
    tables: Gate
    blobs: Gate
    queue: Gate

    def open(self) -> None:
        """Let everything through again."""
        for gate in (self.tables, self.blobs, self.queue):
            gate.set("open")


@contextmanager
def gated(connection_string: str) -> Iterator[Gates]:
    """Gates in front of an account's tables, blobs and queue."""
    parts = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))
    gates = {name: Gate(urlsplit(parts[name]).port or 0) for name in _ENDPOINTS}
    for name, gate in gates.items():
        parts[name] = f"http://127.0.0.1:{gate.port}/{parts['AccountName']}"
    through = ";".join(f"{name}={value}" for name, value in parts.items()) + ";"
    with ExitStack() as closed:
        yield Gates(through, *(closed.enter_context(closing(gate)) for gate in gates.values()))
