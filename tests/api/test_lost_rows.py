"""Rows that are missing, as after a table was deleted: the timer deletes no file without a proof that it may."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local.azurite import azurite
from shared.services.sessions.expiry import LOOK_AGAIN
from tests.support.client import Resource, Session, assert_error, create_body, http_client
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


def _row(storage: Storage, resource: Resource, kind: str) -> dict[str, object]:
    """The resource's only row of a kind."""
    (row,) = [dict(row) for row in storage.rows(resource) if row["RowKey"].startswith(f"{kind}:")]
    return row


def _told(log_folder: Path) -> str:
    return "".join(log.read_text() for log in log_folder.glob("*.log"))


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
    told = _told(log_folder)
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


@pytest.mark.parametrize("other", [False, True], ids=["missing", "of-an-older-backup"])
def test_a_tick_deletes_no_file_of_a_complete_session_whose_file_rows_are(
    other: bool, resource: Resource, service: str, storage: Storage, clock: Clock
) -> None:
    session = resource.new_session()
    file = session.uploaded("access.csv")
    session.completed()
    (row,) = [dict(row) for row in storage.rows(resource) if row["RowKey"] == f"file:{session.id}:{file['id']}"]
    blobs = storage.blob_names(resource)
    storage.sessions.delete_entity(row)
    older = row | {"RowKey": f"file:{session.id}:{uuid4()}"}
    if other:
        storage.sessions.create_entity(older)

    clock.move(PAST_THE_GRACE)
    fire_timer(service)
    assert storage.blob_names(resource) == blobs

    if other:
        storage.sessions.delete_entity(older)
    _put_back(storage, [row])
    clock.move(LOOK_AGAIN.total_seconds())
    fire_timer(service)
    assert eventually(lambda: not storage.index_rows(resource))
    assert storage.blob_names(resource) == blobs
    assert storage.violations(resource) == []


def test_a_tick_deletes_no_file_of_a_session_that_was_completed_after_the_backup_of_its_rows(
    resource: Resource, service: str, storage: Storage, clock: Clock, log_folder: Path
) -> None:
    session = resource.new_session()
    session.uploaded("access.csv")
    backup = [dict(row) for row in storage.rows(resource)]
    session.completed()
    newer = [dict(row) for row in storage.rows(resource)]
    blobs = storage.blob_names(resource)
    assert len(blobs) == 2, "a file and a manifest"
    _put_back(storage, backup)

    for _ in range(3):
        clock.move(PAST_THE_GRACE)
        fire_timer(service)

    assert storage.blob_names(resource) == blobs
    told = _told(log_folder)
    assert f"nothing of session {session.id} is deleted: it has a manifest" in told
    assert f"6: session {session.id} is expired and has a manifest" in "\n".join(storage.violations(resource))

    # With the rows of the audit that the timer has added: those of the backup and these are its whole history.
    for row in storage.rows(resource):
        storage.sessions.delete_entity(row)
    _put_back(storage, newer)
    clock.move(LOOK_AGAIN.total_seconds())
    fire_timer(service)
    assert eventually(lambda: not storage.index_rows(resource))
    assert storage.blob_names(resource) == blobs
    assert storage.violations(resource) == []


def test_a_session_whose_file_rows_are_missing_says_so(resource: Resource, storage: Storage, log_folder: Path) -> None:
    session = resource.new_session()
    session.uploaded("access.csv")
    row = _row(storage, resource, "file")
    storage.sessions.delete_entity(row)

    with storage.unchanged(resource):
        for answer in (
            session.get({"$expand": "files"}),
            resource.sessions({"$expand": "files"}),
            session.files(),
            session.complete(),
            session.upload("more.csv"),
        ):
            assert_error(answer, 500, "generalException", "incompleteData")
        assert session.get().status_code == resource.sessions().status_code == 200
    told = f"the rows of session {session.id} do not belong together: it counts 1 files, and 0 have rows"
    assert eventually(lambda: told in _told(log_folder))

    _put_back(storage, [row])
    assert session.completed()["status"] == "complete"
    assert storage.violations(resource) == []


def test_a_reference_whose_session_is_missing_is_not_given_away(
    resource: Resource, storage: Storage, log_folder: Path
) -> None:
    reference = str(uuid4())
    session = resource.new_session(reference)
    row = _row(storage, resource, "session")
    storage.sessions.delete_entity(row)

    assert_error(resource.create(create_body(reference)), 500, "generalException", "incompleteData")
    assert eventually(lambda: f"the rows of session {session.id} do not belong together: only" in _told(log_folder))

    _put_back(storage, [row])
    assert_error(resource.create(create_body(reference)), 409, "nameAlreadyExists")
    assert storage.violations(resource) == []


@pytest.mark.parametrize("end", ["delete", "expire"])
def test_a_reference_of_an_older_backup_is_free_if_its_session_is_over(
    end: str, resource: Resource, service: str, storage: Storage, clock: Clock
) -> None:
    reference = str(uuid4())
    session = resource.new_session(reference)
    row = _row(storage, resource, "reference")
    if end == "delete":
        assert session.delete().status_code == 204
    else:
        clock.move(PAST_THE_GRACE)
        fire_timer(service)
    _put_back(storage, [row])

    assert resource.create(create_body(reference)).status_code == 201
    assert storage.violations(resource) == []


@pytest.mark.parametrize("end", ["delete", "expire"])
def test_a_session_whose_reference_is_missing_ends(
    end: str, resource: Resource, service: str, storage: Storage, clock: Clock
) -> None:
    session = resource.new_session()
    storage.sessions.delete_entity(_row(storage, resource, "reference"))

    if end == "delete":
        assert session.delete().status_code == 204
    clock.move(PAST_THE_GRACE)
    fire_timer(service)

    assert eventually(lambda: not storage.index_rows(resource))
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
