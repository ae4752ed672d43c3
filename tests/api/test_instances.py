"""Two instances of the app on one storage account: one has trouble, and the other goes on."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from shared.core.settings import Settings
from tests.support.access_files import access_file
from tests.support.client import Resource, Session, assert_error, http_client
from tests.support.clocked import Clock
from tests.support.gates import Gates, gated
from tests.support.instances import running_instances
from tests.support.invariants import Storage
from tests.support.service import eventually, fire_timer


@dataclass(frozen=True, slots=True)
class Pair:
    """Clients of two instances: storage of the ``troubled`` one is behind gates."""

    troubled: httpx.Client
    sound: httpx.Client
    gates: Gates
    clock: Clock


@pytest.fixture(scope="module")
def pair(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    clock = Clock(tmp_path_factory.mktemp("clock") / "seconds")
    with (
        gated(storage.connection_string) as gates,
        running_instances(
            [gates.connection_string, storage.connection_string], clock.program, block_bytes=65536
        ) as instances,
    ):
        troubled, sound = instances.each
        with http_client(troubled) as one, http_client(sound) as other:
            one.timeout = httpx.Timeout(120)
            yield Pair(one, other, gates, clock)


@pytest.fixture
def resource(pair: Pair) -> Resource:
    """A resource that the sound instance serves."""
    return Resource(pair.sound)


def _through(client: httpx.Client, session: Session) -> Session:
    """The same session, served by the other instance."""
    resource = session.resource
    return Session(Resource(client, resource.paths, resource.catalog_id, resource.resource_id), session.id)


def test_what_one_instance_has_answered_the_other_knows(pair: Pair, resource: Resource, storage: Storage) -> None:
    session = resource.new_session()
    other = _through(pair.troubled, session)

    assert other.uploaded("a.csv")["name"] == "a.csv"
    assert session.file_names() == ["a.csv"]
    assert session.completed()["status"] == "complete"
    assert_error(other.upload("b.csv"), 409, "notAllowed")
    assert storage.violations(resource) == []


def test_an_outage_of_one_instance_does_not_concern_the_other(pair: Pair, resource: Resource, storage: Storage) -> None:
    session = resource.new_session()
    other = _through(pair.troubled, session)
    pair.gates.tables.set("shut")
    try:
        assert_error(other.upload("lost.csv"), 503, "serviceNotAvailable")
        assert_error(other.complete(), 503, "serviceNotAvailable")
        session.uploaded("kept.csv")
        assert session.read()["stats"]["filesUploaded"] == 1
    finally:
        pair.gates.open()

    assert eventually(lambda: other.get().status_code == 200)
    assert other.file_names() == ["kept.csv"]
    assert other.completed()["stats"]["filesUploaded"] == 1
    assert storage.violations(resource) == []


@pytest.mark.own_host("on a clock that tests move")
@pytest.mark.parametrize("which", ["tables", "blobs"])
@pytest.mark.parametrize("end", ["complete", "delete"])
def test_an_upload_that_hangs_in_one_instance_comes_too_late_after_the_other_has_ended_the_session(
    pair: Pair, resource: Resource, storage: Storage, which: str, end: str
) -> None:
    session = resource.new_session()
    session.uploaded("first.csv")
    other = _through(pair.troubled, session)
    gate = pair.gates.tables if which == "tables" else pair.gates.blobs
    gate.set("stuck")
    try:
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(other.upload, "late.csv", access_file(2500))
            # Whether the upload is at its first call by then or not, it must come too late.
            time.sleep(0.3)
            ends: dict[str, Callable[[], httpx.Response]] = {"complete": session.complete, "delete": session.delete}
            ended = ends[end]()
            pair.gates.open()
            answer = late.result()
    finally:
        pair.gates.open()

    assert ended.status_code == {"complete": 200, "delete": 204}[end]
    # 503: storage hung for longer than a call may take.
    assert answer.status_code in ({"complete": 409, "delete": 404}[end], 503), answer.text
    if end == "complete":
        assert session.read()["stats"]["filesUploaded"] == 1
        assert session.file_names() == ["first.csv"]
    else:
        assert session.get().status_code == 404
    assert storage.violations(resource) == []

    def swept() -> bool:
        fire_timer(str(pair.sound.base_url).rstrip("/"))
        return not storage.orphans(resource)

    # After this time what an upload has left may be removed.
    pair.clock.move(2 * Settings().max_upload_seconds)
    assert eventually(swept), "what the late upload has stored is removed"
