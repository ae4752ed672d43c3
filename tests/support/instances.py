"""Several instances of the service on one storage account, behind a load balancer that takes turns by connection."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Thread
from urllib.parse import urlsplit

from tests.support.service import running_service


@dataclass(frozen=True, slots=True)
class Instances:
    """The URL of the balancer, and of each instance behind it."""

    url: str
    each: Sequence[str]


class Balancer:
    """Passes each connection to the next backend, as the front end of Azure Functions spreads connections.

    A backend that refuses connections, since its process was killed, is passed over. One that ends during a request
    closes the connection: the caller cannot know whether its request was carried out.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.backends: Sequence[str] = ()
        self._turn = count()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the listener and every connection."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, sock=self._listener)
        await self._stop.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self.backends:
            address = urlsplit(self.backends[next(self._turn) % len(self.backends)])
            try:
                behind_reader, behind = await asyncio.open_connection(address.hostname, address.port)
            except OSError:
                continue
            await asyncio.gather(_copy(reader, behind), _copy(behind_reader, writer), return_exceptions=True)
            break
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        with contextlib.suppress(OSError):
            writer.close()


@contextmanager
def running_instances(
    storages: Sequence[str], program: Sequence[str] = ("local",), /, **settings: str | int
) -> Iterator[Instances]:
    """An instance for each connection string; all must lead to the same account."""
    balancer = Balancer()
    try:
        with ExitStack() as running:
            balancer.backends = [
                running.enter_context(running_service(storage, None, (), program, public_url=balancer.url, **settings))
                for storage in storages
            ]
            yield Instances(balancer.url, balancer.backends)
    finally:
        balancer.close()
