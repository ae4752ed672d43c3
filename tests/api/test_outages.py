"""Storage that is down or never responds: 503 within bounded time, no partial changes, automatic recovery."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest
from azure.data.tables import TableServiceClient

from local.azurite import azurite
from tests.support.access_files import access_file
from tests.support.client import Resource, assert_error, http_client
from tests.support.invariants import Storage
from tests.support.service import eventually, running_service

# A request with a body makes several storage calls, one after the other.
PATIENCE_SECONDS = 30


class Gate:
    """A proxy in front of storage: ``open``, ``shut`` (connections are refused) or ``stuck`` (no response comes)."""

    def __init__(self, port: int) -> None:
        self.state = "open"
        self.port = 0
        self._behind = port
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._moving = asyncio.Event()
        self._moving.set()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    async def _serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "shut":
            writer.transport.abort()
            return
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", self._behind)
        self._writers |= {writer, behind}
        await asyncio.gather(self._pass(reader, behind), self._pass(behind_reader, writer), return_exceptions=True)
        behind.close()
        writer.close()
        self._writers -= {writer, behind}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._moving.wait()
            writer.write(data)
            await writer.drain()
        writer.close()

    def set(self, state: str) -> None:
        """Set the state. Shutting it also breaks open connections."""
        self.state = state
        self._loop.call_soon_threadsafe(self._moving.clear if state == "stuck" else self._moving.set)
        if state == "shut":
            for writer in list(self._writers):
                self._loop.call_soon_threadsafe(writer.transport.abort)

    def close(self) -> None:
        """Stop."""
        self.set("shut")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._server.close()
        self._loop.close()


class Gates:
    """Storage behind two gates, and a service that uses them."""

    def __init__(self, service: str, storage: Storage, tables: Gate, blobs: Gate) -> None:
        self.service = service
        self.storage = storage
        self.tables = tables
        self.blobs = blobs


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gates]:
    with azurite(tmp_path_factory.mktemp("azurite")) as account, closing(Storage(account.connection_string)) as storage:
        parts = dict(part.split("=", 1) for part in account.connection_string.rstrip(";").split(";"))
        doors = {name: Gate(urlsplit(parts[name]).port or 0) for name in ("TableEndpoint", "BlobEndpoint")}
        for name, gate in doors.items():
            parts[name] = f"http://127.0.0.1:{gate.port}/{parts['AccountName']}"
        connection = ";".join(f"{name}={value}" for name, value in parts.items()) + ";"
        with (
            closing(doors["TableEndpoint"]) as tables,
            closing(doors["BlobEndpoint"]) as blobs,
            running_service(connection, block_bytes=65536) as service,
        ):
            yield Gates(service, storage, tables, blobs)


@pytest.fixture
def resource(gates: Gates) -> Iterator[Resource]:
    with http_client(gates.service) as http:
        http.timeout = httpx.Timeout(PATIENCE_SECONDS + 10)
        yield Resource(http)


def _is_503(answer: httpx.Response, began: float) -> None:
    assert_error(answer, 503, "serviceNotAvailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert time.monotonic() - began < PATIENCE_SECONDS


@pytest.mark.parametrize("state", ["shut", "stuck"])
@pytest.mark.parametrize("which", ["tables", "blobs"])
def test_an_outage_is_503_in_bounded_time_and_changes_nothing(
    resource: Resource, gates: Gates, which: str, state: str
) -> None:
    session = resource.new_session()
    session.uploaded("before.csv")
    kept = {name: value for name, value in session.read({"$expand": "files"}).items() if name in ("files", "stats")}
    small, large = access_file(3), access_file(2500)
    try:
        (gates.tables if which == "tables" else gates.blobs).set(state)
        requests: list[Callable[[], httpx.Response]] = [
            lambda: session.upload("small.csv", small),
            lambda: session.upload("large.csv", large),
        ]
        if which == "tables":
            requests += [session.get, resource.sessions, resource.create, session.delete, session.complete]
        began = time.monotonic()
        with ThreadPoolExecutor(len(requests)) as callers:
            for answer in callers.map(lambda request: request(), requests):
                _is_503(answer, began)
    finally:
        gates.tables.set("open")
        gates.blobs.set("open")

    told = session.read({"$expand": "files"})
    assert told["status"] == "active"
    assert {name: told[name] for name in kept} == kept, "there are no partial changes"
    assert session.uploaded("small.csv", small)["name"] == "small.csv"
    assert session.uploaded("large.csv", large)["name"] == "large.csv"
    assert session.completed()["stats"]["filesUploaded"] == 3
    assert gates.storage.violations(resource) == []


def test_health_says_when_storage_is_away_and_when_it_is_back(gates: Gates) -> None:
    def healthy() -> bool:
        answer = httpx.get(f"{gates.service}/uploads/health", timeout=PATIENCE_SECONDS)
        if answer.status_code != 200:
            assert_error(answer, 503, "serviceNotAvailable")
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status_code == 200

    assert healthy()
    for gate in (gates.tables, gates.blobs):
        for state in ("shut", "stuck"):
            try:
                gate.set(state)
                assert eventually(lambda: not healthy(), seconds=PATIENCE_SECONDS)
            finally:
                gate.set("open")
            assert eventually(healthy, seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize("name", ["uploadsessions", "expiry", "activity", "uploads"])
def test_what_is_deleted_while_the_service_runs_is_created_again(resource: Resource, gates: Gates, name: str) -> None:
    session = resource.new_session()
    if name == "uploads":
        gates.storage.uploads.delete_container()
    else:
        with TableServiceClient.from_connection_string(gates.storage.connection_string) as tables:
            tables.delete_table(name)

    if name == "uploadsessions":
        assert_error(session.get(), 404, "itemNotFound")
        session = resource.new_session()

    session.uploaded("small.csv", access_file(3))
    session.uploaded("large.csv", access_file(2500))
    assert session.completed()["stats"]["filesUploaded"] == 2
    Resource(resource.http).new_session()
    recent = {"$filter": "activityDateTime ge 2026-01-01T00:00:00Z"}
    assert resource.http.get("/v1.0/uploads/audit", params=recent).status_code == 200
