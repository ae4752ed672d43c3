"""Storage that is down or never responds: 503 within bounded time, no partial changes, automatic recovery.

The service waits a fifth of its time-outs for storage (``tests.support.impatient``), and all of them with ``--all``.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest
from azure.data.tables import TableServiceClient

from local.azurite import azurite
from tests.support.access_files import access_file
from tests.support.client import Resource, assert_error, http_client
from tests.support.gates import Gate, gated
from tests.support.invariants import Storage
from tests.support.service import OWN_PROGRAM, eventually, running_service

pytestmark = pytest.mark.waits

# A request with a body makes several storage calls, one after the other.
PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class World:
    """A service on storage behind gates, and the storage itself."""

    service: str
    storage: Storage
    tables: Gate
    blobs: Gate


IMPATIENT = pytest.param(
    ("tests.support.impatient",), marks=pytest.mark.own_host("with time-outs that tests shorten"), id="impatient"
)
PATIENT = pytest.param(OWN_PROGRAM, marks=pytest.mark.slow("of real time-outs"), id="as patient as in production")


@pytest.fixture(scope="module", params=[IMPATIENT, PATIENT])
def gates(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    with (
        azurite(tmp_path_factory.mktemp("azurite")) as account,
        closing(Storage(account.connection_string)) as storage,
        gated(account.connection_string) as gates,
        running_service(gates.connection_string, None, (), request.param, block_bytes=65536) as service,
    ):
        yield World(service, storage, gates.tables, gates.blobs)


@pytest.fixture
def resource(gates: World) -> Iterator[Resource]:
    with http_client(gates.service) as http:
        http.timeout = httpx.Timeout(PATIENCE_SECONDS + 10)
        yield Resource(http)


def _is_503(answer: httpx.Response, began: float) -> None:
    assert_error(answer, 503, "serviceNotAvailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert time.monotonic() - began < PATIENCE_SECONDS


@pytest.mark.parametrize("state", ["shut", "stuck"])
@pytest.mark.parametrize("which", ["tables", "blobs", "both"])
def test_an_outage_is_503_in_bounded_time_and_changes_nothing(
    resource: Resource, gates: World, which: str, state: str
) -> None:
    session = resource.new_session()
    session.uploaded("before.csv")
    kept = {name: value for name, value in session.read({"$expand": "files"}).items() if name in ("files", "stats")}
    small, large = access_file(3), access_file(2500)
    try:
        if which != "blobs":
            gates.tables.set(state)
        if which != "tables":
            gates.blobs.set(state)
        requests: list[Callable[[], httpx.Response]] = [
            lambda: session.upload("small.csv", small),
            lambda: session.upload("large.csv", large),
        ]
        if which != "blobs":
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


def test_health_says_when_storage_is_away_and_when_it_is_back(resource: Resource, gates: World) -> None:
    def healthy() -> bool:
        answer = resource.http.get("/uploads/health")
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
def test_what_is_deleted_while_the_service_runs_is_created_again(resource: Resource, gates: World, name: str) -> None:
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
