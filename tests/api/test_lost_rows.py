"""Rows that are missing, as after a table was deleted: the timer deletes no file without a proof that it may."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from local.azurite import azurite
from shared.services.sessions.expiry import LOOK_AGAIN
from tests.support.client import Resource, Session, http_client
from tests.support.clocked import Clock
from tests.support.invariants import Storage
from tests.support.service import eventually, fire_timer, running_service

pytestmark = pytest.mark.own_host("on a clock that tests move")

PAST_THE_GRACE = timedelta(days=3).total_seconds()


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A storage account that the test may damage."""
    with azurite(tmp_path_factory.mktemp("azurite")) as account, closing(Storage(account.connection_string)) as opened:
        yield opened


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    """The clock of the service."""
    return Clock(tmp_path_factory.mktemp("clock") / "seconds")


@pytest.fixture(scope="module")
def service(storage: Storage, clock: Clock) -> Iterator[str]:
    """A service on that account and that clock."""
    with running_service(storage.connection_string, None, (), clock.program) as url:
        yield url


@pytest.fixture(scope="module")
def http(service: str) -> Iterator[httpx.Client]:
    """A client of that service."""
    with http_client(service) as client:
        yield client


def _put_back(storage: Storage, rows: list[dict[str, object]]) -> None:
    for row in rows:
        storage.sessions.upsert_entity(row)


def _sessions(resource: Resource) -> tuple[Session, Session]:
    """A complete and an active session, each with a file."""
    done, active = resource.new_session(), resource.new_session()
    for session in (done, active):
        session.uploaded("access.csv")
    done.completed()
    return done, active


def test_a_tick_after_the_table_of_sessions_was_deleted_deletes_no_file(
    resource: Resource, service: str, storage: Storage, clock: Clock, log_folder: Path
) -> None:
    done, active = _sessions(resource)
    blobs = storage.blob_names(resource)
    assert len(blobs) == 3, "two files and a manifest"
    backup = [dict(row) for row in storage.rows(resource)]
    storage.sessions.delete_table()

    clock.move(PAST_THE_GRACE)
    fire_timer(service)

    assert storage.blob_names(resource) == blobs
    assert len(storage.index_rows(resource)) == 2, "the timer comes back"
    told = "".join(log.read_text() for log in log_folder.glob("*.log"))
    for session in (done, active):
        assert f"nothing of session {session.id} is deleted: it has " in told
        assert f"1: session {session.id} has blobs, but neither" in "\n".join(storage.violations(resource))

    _put_back(storage, backup)
    clock.move(LOOK_AGAIN.total_seconds())

    def swept() -> bool:
        fire_timer(service)
        return not storage.index_rows(resource)

    assert eventually(swept)
    assert storage.blob_names(resource) == [name for name in blobs if done.id in name], "the active one has expired"
    assert storage.violations(resource) == []


def test_a_tick_deletes_no_file_of_a_complete_session_whose_rows_are_missing(
    resource: Resource, service: str, storage: Storage, clock: Clock
) -> None:
    session = resource.new_session()
    file = session.uploaded("access.csv")
    session.completed()
    (row,) = [dict(row) for row in storage.rows(resource) if row["RowKey"] == f"file:{session.id}:{file['id']}"]
    blobs = storage.blob_names(resource)
    storage.sessions.delete_entity(row)

    clock.move(PAST_THE_GRACE)
    fire_timer(service)
    assert storage.blob_names(resource) == blobs

    _put_back(storage, [row])
    clock.move(LOOK_AGAIN.total_seconds())
    fire_timer(service)
    assert eventually(lambda: not storage.index_rows(resource))
    assert storage.blob_names(resource) == blobs
    assert storage.violations(resource) == []


def test_what_an_upload_left_under_a_deleted_session_is_deleted(
    resource: Resource, service: str, storage: Storage, clock: Clock
) -> None:
    session = resource.new_session()
    session.uploaded("access.csv")
    assert session.delete().status_code == 204
    storage.put_blob(f"{resource.catalog_id}/{resource.resource_id}/{session.id}/left", b"late")

    clock.move(PAST_THE_GRACE)
    fire_timer(service)

    assert eventually(lambda: not storage.blob_names(resource))
    assert storage.violations(resource) == []
