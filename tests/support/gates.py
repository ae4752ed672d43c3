"""Proxies, mostly in front of storage, that tests shut or get stuck: an outage of tables, of blobs, or of both."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit


class Gate:
    """A proxy in front of a port: ``open``, ``shut`` (connections are refused) or ``stuck`` (no response comes).

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

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "shut":
            writer.transport.abort()
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
        if state == "shut":
            if self._server is not None:
                self._server.close()
                self._server = None
            for writer in list(self._writers):
                writer.transport.abort()
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


@dataclass(frozen=True, slots=True)
class Gates:
    """The connection string that leads through the gates, and the gates."""

    connection_string: str
    tables: Gate
    blobs: Gate

    def open(self) -> None:
        """Let everything through again."""
        self.tables.set("open")
        self.blobs.set("open")


@contextmanager
def gated(connection_string: str) -> Iterator[Gates]:
    """Gates in front of an account's tables and blobs."""
    parts = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))
    gates = {name: Gate(urlsplit(parts[name]).port or 0) for name in ("TableEndpoint", "BlobEndpoint")}
    for name, gate in gates.items():
        parts[name] = f"http://127.0.0.1:{gate.port}/{parts['AccountName']}"
    through = ";".join(f"{name}={value}" for name, value in parts.items()) + ";"
    with closing(gates["TableEndpoint"]) as tables, closing(gates["BlobEndpoint"]) as blobs:
        yield Gates(through, tables, blobs)
