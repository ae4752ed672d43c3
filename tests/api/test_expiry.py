"""Idle sessions expire: by the clock at once, and in storage by the timer."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.data.tables import UpdateMode

from local.azurite import azurite
from shared.core.ids import new_id
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Json, Resource, Session, assert_error, create_body, http_client, instant
from tests.support.invariants import Storage
from tests.support.service import eventually, fire_timer, running_service

pytestmark = pytest.mark.waits

IDLE = timedelta(seconds=4)
GRACE = timedelta(seconds=2)
LONGEST_UPLOAD = timedelta(seconds=2)


@pytest.fixture(scope="module")
def hasty_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A storage account for short-lived sessions, so that no timer visits those of other tests."""
    with azurite(tmp_path_factory.mktemp("azurite")) as account, closing(Storage(account.connection_string)) as opened:
        yield opened


@pytest.fixture(scope="module")
def hasty_service(hasty_storage: Storage) -> Iterator[str]:
    """A service whose sessions expire after four seconds and whose files are deleted after two more."""
    with running_service(
        hasty_storage.connection_string,
        idle_seconds=int(IDLE.total_seconds()),
        grace_seconds=int(GRACE.total_seconds()),
        max_upload_seconds=int(LONGEST_UPLOAD.total_seconds()),
    ) as url:
        yield url


@pytest.fixture(scope="module")
def hasty_http(hasty_service: str) -> Iterator[httpx.Client]:
    """A client of that service."""
    with http_client(hasty_service) as client:
        yield client


@pytest.fixture
def resource(hasty_http: httpx.Client) -> Resource:
    """A new resource in the hasty service."""
    return Resource(hasty_http)


def _wait_until(at: datetime) -> None:
    """Wait until that time is past."""
    assert eventually(lambda: datetime.now(UTC) > at)


def _expired(session: Session) -> Json:
    """The session once its time has passed, by the clock alone."""
    _wait_until(instant(session.read()["expirationDateTime"]))
    return session.read()


def _row(storage: Storage, session: Session) -> dict[str, object]:
    """The session's own row."""
    (row,) = [row for row in storage.rows(session.resource) if row["RowKey"] == f"session:{session.id}"]
    return dict(row)


def _fire_until(service: str, storage: Storage, session: Session, status: str) -> None:
    fire_timer(service)
    assert eventually(lambda: _row(storage, session)["Status"] == status)


# By the clock


def test_a_session_past_its_time_reads_as_expired_without_any_timer(session: Session, hasty_storage: Storage) -> None:
    before = session.read()

    after = _expired(session)

    assert after["status"] == "expired"
    assert after["isUploadDone"] is False
    assert after["expirationDateTime"] == before["expirationDateTime"]
    assert session.resource.sessions().json()["value"][0]["status"] == "expired"
    assert session.resource.ids({"$filter": "status eq 'expired'"}) == [session.id]
    assert session.resource.ids({"$filter": "status eq 'active'"}) == []
    assert session.resource.count({"$filter": "status eq 'expired'"}).text == "1"
    assert _row(hasty_storage, session)["Status"] == "active", "no timer has run"


def test_an_expired_session_refuses_every_change(session: Session, hasty_storage: Storage) -> None:
    content = access_file()
    session.uploaded("access.csv", content)
    _expired(session)

    over = (409, "notAllowed", "uploadSessionFailed")
    with hasty_storage.unchanged(session.resource):
        assert_error(session.upload("more.csv"), *over)
        assert_error(session.upload("access.csv", content), *over)
        assert_error(session.upload("bad.csv", faulty_access_file(3)), *over)
        assert_error(session.complete(), *over)
        assert_error(session.complete({"Prefer": "allow-incomplete"}), *over)


def test_reading_keeps_no_session_alive(session: Session) -> None:
    expiration = session.read()["expirationDateTime"]

    while datetime.now(UTC) <= instant(expiration):
        session.read({"$expand": "files"})
        session.resource.sessions()
        session.files()
        time.sleep(0.1)

    assert session.read()["status"] == "expired"
    assert session.read()["expirationDateTime"] == expiration


@pytest.mark.parametrize("content", [access_file(), faulty_access_file(3)], ids=["accepted", "refused"])
def test_an_upload_keeps_a_session_alive(session: Session, content: bytes) -> None:
    first = instant(session.read()["expirationDateTime"])
    _wait_until(first - IDLE / 2)

    session.upload("access.csv", content)

    _wait_until(first)
    assert session.read()["status"] == "active"
    assert _expired(session)["status"] == "expired"


def test_a_complete_session_never_expires(session: Session, hasty_service: str, hasty_storage: Storage) -> None:
    session.uploaded("access.csv")
    due = instant(session.read()["expirationDateTime"])
    session.completed()

    _wait_until(due + GRACE)
    fire_timer(hasty_service)

    assert eventually(lambda: not hasty_storage.index_rows(session.resource)), "a settled session needs no timer"
    assert session.read()["status"] == "complete"
    assert session.read()["expirationDateTime"] is None
    assert session.value(session.files().json()["value"][0]["id"]).status_code == 200
    assert hasty_storage.violations(session.resource) == []


def test_an_expired_session_frees_its_reference(resource: Resource, hasty_storage: Storage) -> None:
    reference = str(uuid4())
    first = resource.new_session(reference)
    _expired(first)

    second = resource.new_session(reference)

    assert resource.ids({"$filter": f"referenceId eq '{reference}'"}) == [first.id, second.id]
    assert first.read()["status"] == "expired"
    assert second.read()["status"] == "active"
    assert_error(resource.create(create_body(reference)), 409, "nameAlreadyExists")
    assert hasty_storage.violations(resource) == []


def test_the_files_of_an_expired_session_stay_readable_at_first(session: Session) -> None:
    file = session.uploaded("access.csv")

    _expired(session)

    assert session.files().json()["value"] == [file]
    assert session.value(file["id"]).status_code == 200


def test_an_expired_session_can_be_deleted(session: Session) -> None:
    _expired(session)

    assert session.delete().status_code == 204
    assert_error(session.get(), 404, "itemNotFound", "uploadSessionNotFound")


# By the timer


def test_the_timer_stores_expiry(session: Session, hasty_service: str, hasty_storage: Storage) -> None:
    session.uploaded("access.csv")
    expired = _expired(session)

    _fire_until(hasty_service, hasty_storage, session, "expired")

    for name, value in session.read().items():
        assert value == expired[name] or name == "@odata.etag"
    assert hasty_storage.violations(session.resource) == []


def test_the_timer_removes_the_files_when_their_grace_is_over_and_keeps_the_record(
    session: Session, hasty_service: str, hasty_storage: Storage
) -> None:
    session.uploaded("access.csv")
    expired = _expired(session)
    _fire_until(hasty_service, hasty_storage, session, "expired")
    assert hasty_storage.blob_names(session.resource), "its files are kept for a grace period"

    _wait_until(instant(expired["expirationDateTime"]) + GRACE)
    fire_timer(hasty_service)

    assert eventually(lambda: not hasty_storage.blob_names(session.resource))
    assert eventually(lambda: not hasty_storage.index_rows(session.resource)), "a settled session needs no timer"
    record = session.read({"$expand": "files"})
    assert (record["status"], record["files"]) == ("expired", [])
    assert record["stats"] == {"filesUploaded": 0, "totalBytesUploaded": 0}
    assert record["expirationDateTime"] == expired["expirationDateTime"]
    assert hasty_storage.violations(session.resource) == []


def test_the_timer_catches_up_when_it_is_late(session: Session, hasty_service: str, hasty_storage: Storage) -> None:
    session.uploaded("access.csv")
    assert session.upload("bad.csv", faulty_access_file(3)).status_code == 400
    _wait_until(instant(_expired(session)["expirationDateTime"]) + GRACE)

    def swept() -> bool:
        fire_timer(hasty_service)
        return not hasty_storage.blob_names(session.resource) and not hasty_storage.index_rows(session.resource)

    assert eventually(swept)
    assert session.read()["status"] == "expired"
    assert hasty_storage.violations(session.resource) == []


def test_the_timer_skips_a_session_that_was_active_since_and_visits_it_again(
    session: Session, hasty_service: str, hasty_storage: Storage
) -> None:
    first = instant(session.read()["expirationDateTime"])
    _wait_until(first - IDLE / 4)
    session.uploaded("access.csv")
    (before,) = hasty_storage.index_rows(session.resource)

    _wait_until(first)
    fire_timer(hasty_service)

    def moved() -> bool:
        return [row["RowKey"] for row in hasty_storage.index_rows(session.resource)] not in ([], [before["RowKey"]])

    assert eventually(moved), "the index row is written anew at its new due time"
    assert session.read()["status"] == "active"
    _expired(session)
    _fire_until(hasty_service, hasty_storage, session, "expired")


def test_a_session_that_is_not_due_is_left_alone(session: Session, hasty_service: str, hasty_storage: Storage) -> None:
    due = Resource(session.http).new_session()
    _wait_until(instant(due.read()["expirationDateTime"]) - IDLE / 2)
    session.uploaded("access.csv")
    before = session.read({"$expand": "files"})
    _expired(due)

    _fire_until(hasty_service, hasty_storage, due, "expired")

    assert session.read({"$expand": "files"}) == before
    assert hasty_storage.violations(session.resource) == []


def test_timers_that_run_at_the_same_time_do_no_harm(
    resource: Resource, hasty_service: str, hasty_storage: Storage
) -> None:
    sessions = [resource.new_session() for _ in range(10)]
    for session in sessions:
        session.uploaded("access.csv")
    _wait_until(instant(_expired(sessions[-1])["expirationDateTime"]) + GRACE)

    def swept() -> bool:
        with ThreadPoolExecutor(4) as timers:
            list(timers.map(fire_timer, [hasty_service] * 4))
        return not hasty_storage.blob_names(resource) and not hasty_storage.index_rows(resource)

    assert eventually(swept)
    assert {session.read()["status"] for session in sessions} == {"expired"}
    assert {session.read()["stats"]["filesUploaded"] for session in sessions} == {0}
    assert hasty_storage.violations(resource) == []


def test_the_timer_sweeps_what_crashed_uploads_left_behind(
    session: Session, hasty_service: str, hasty_storage: Storage
) -> None:
    kept = session.uploaded("access.csv")
    resource = session.resource
    folder = f"{resource.catalog_id}/{resource.resource_id}/{session.id}"
    leftover = f"{folder}/{new_id(datetime.now(UTC))}"
    hasty_storage.put_blob(leftover, access_file())
    assert session.file_names() == ["access.csv"], "a blob without a row is not visible"

    def swept() -> bool:
        fire_timer(hasty_service)
        return not hasty_storage.orphans(resource)

    assert eventually(swept)
    assert session.read()["status"] == "expired", "a sweep runs when the session is due"
    assert hasty_storage.blob_names(resource) in ([f"{folder}/{kept['id']}"], [])


def test_the_timer_sweeps_after_a_complete_session_too_but_not_its_files(
    session: Session, hasty_service: str, hasty_storage: Storage
) -> None:
    kept = session.uploaded("access.csv")
    session.completed()
    resource = session.resource
    folder = f"{resource.catalog_id}/{resource.resource_id}/{session.id}"
    hasty_storage.put_blob(f"{folder}/{new_id(datetime.now(UTC))}", access_file())

    def swept() -> bool:
        fire_timer(hasty_service)
        return not hasty_storage.orphans(resource)

    assert eventually(swept)
    assert sorted(hasty_storage.blob_names(resource)) == sorted([f"{folder}/{kept['id']}", f"{folder}/manifest.json"])


def _due_row(session: Session, **changes: object) -> dict[str, object]:
    """An index row that is due for long, as another version or a defect may have left it."""
    resource = session.resource
    row = {
        "PartitionKey": f"2026010100-{int(session.id[-1], 16) % 4}",
        "RowKey": f"20260101000000000:{session.id}",
        "CatalogId": resource.catalog_id,
        "ResourceId": resource.resource_id,
        "Due": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


def test_rows_that_cannot_be_handled_do_not_stop_the_timer(
    resource: Resource, hasty_service: str, hasty_storage: Storage, log_folder: Path
) -> None:
    good, damaged, newer = (resource.new_session() for _ in range(3))
    _expired(newer)
    rows = hasty_storage.sessions
    rows.update_entity(_row(hasty_storage, newer) | {"FormatVersion": 99})
    rows.update_entity(
        {n: v for n, v in _row(hasty_storage, damaged).items() if n != "LastActive"}, mode=UpdateMode.REPLACE
    )
    index = [
        _due_row(good, RowKey="20260101000000000"),
        _due_row(good, CatalogId=None),
        _due_row(good, RowKey=f"20260101000000001:{good.id}", Due="yesterday"),
        _due_row(good, RowKey=f"20260101000000002:{good.id}", FormatVersion=99),
        _due_row(good, RowKey="20260101000000003:session"),
    ]
    for row in index:
        hasty_storage.expiry.upsert_entity(row)

    try:
        _fire_until(hasty_service, hasty_storage, good, "expired")
        assert _row(hasty_storage, newer)["Status"] == "active", "what a newer version wrote is not touched"
        assert_error(newer.get(), 503, "serviceNotAvailable", "newerDataFormat")
    finally:
        for row in index:
            hasty_storage.expiry.delete_entity(row)
        for session in (damaged, newer):
            rows.delete_entity(_row(hasty_storage, session))
    told = "".join(log.read_text() for log in log_folder.glob("*.log"))
    for session in (damaged, newer):
        assert f"session {session.id} could not be processed" in told
    assert "session of an unreadable index row could not be processed" in told


def test_a_timer_with_shorter_times_leaves_the_sessions_of_another_deployment_alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shorter = {"idle_seconds": 1, "grace_seconds": 0, "max_upload_seconds": 1}
    with (
        azurite(tmp_path_factory.mktemp("azurite")) as account,
        closing(Storage(account.connection_string)) as storage,
        running_service(account.connection_string) as production,
        running_service(account.connection_string, **shorter) as staging,
        running_service(account.connection_string, name_prefix="staging", **shorter) as prefixed,
        http_client(production) as http,
        http_client(prefixed) as staging_http,
    ):
        session = Resource(http).new_session()
        session.uploaded("access.csv")
        fire_timer(production)
        time.sleep(1.1)
        storage.expiry.upsert_entity(_due_row(session))
        before = storage.stored(session.resource)

        fire_timer(staging)
        fire_timer(prefixed)

        assert storage.stored(session.resource) == before
        assert_error(staging_http.get(session.path), 404, "itemNotFound")
        fire_timer(production)
        left = {row["PartitionKey"].partition("-")[0] for row in storage.index_rows(session.resource)}
        assert "2026010100" not in left, "the deployment with the longer times goes on"

        # A change of the settings: no timer with the longer times has run for a day.
        note = storage.expiry.get_entity("settings", "times")
        storage.expiry.update_entity(note | {"Seen": datetime.now(UTC) - timedelta(hours=25)})
        storage.expiry.upsert_entity(_due_row(session))
        fire_timer(staging)
        assert eventually(lambda: not storage.blob_names(session.resource))


def _forget_receipt(session: Session, storage: Storage) -> None:
    """Make the rows of a complete session those that 0.9 wrote, which stored no receipt."""
    resource = session.resource
    partition = f"{resource.catalog_id}_{resource.resource_id}"
    storage.sessions.delete_entity(partition, f"receipt:{session.id}")
    row = storage.sessions.get_entity(partition, f"session:{session.id}")
    kept = {name: value for name, value in row.items() if not name.startswith("Sealed")}
    storage.sessions.update_entity(kept, mode=UpdateMode.REPLACE)
    assert session.read()["@uploads.receipt"]["rowCount"] is None


def test_a_complete_sessions_files_are_deleted_after_the_retention(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with (
        azurite(tmp_path_factory.mktemp("azurite")) as account,
        closing(Storage(account.connection_string)) as storage,
        running_service(
            account.connection_string, idle_seconds=8, max_upload_seconds=2, retention_seconds=6
        ) as service,
        http_client(service) as http,
    ):
        resource = Resource(http)
        session = resource.new_session()
        session.uploaded("access.csv")
        sealed = session.completed()
        receipt = sealed["@uploads.receipt"]
        older = Resource(http).new_session()
        theirs = older.uploaded("older.csv")
        older.completed()
        _forget_receipt(older, storage)
        done = datetime.now(UTC)
        _wait_until(done + timedelta(seconds=2.5))
        fire_timer(service)
        assert len(storage.blob_names(resource)) == 2, "the file and the manifest stay until then"

        _wait_until(done + timedelta(seconds=6))

        def gone() -> bool:
            fire_timer(service)
            return not storage.blob_names(resource) and not storage.index_rows(resource)

        assert eventually(gone)
        after = session.read({"$expand": "files"})
        assert (after["status"], after["files"]) == ("complete", [])
        told = after["@uploads.receipt"]
        assert told.pop("files") == sealed["files"], "names, rows and digests are evidence, and stay"
        assert (receipt.pop("filesRemovedDateTime"), told.pop("filesRemovedDateTime") is None) == (None, False)
        assert told == receipt
        assert (told["fileCount"], told["rowCount"]) == (1, sealed["files"][0]["@uploads.rowCount"])
        told = older.read({"$expand": "files"})["@uploads.receipt"]
        assert (told["files"], told["rowCount"]) == ([theirs], theirs["@uploads.rowCount"]), "it was not too late"
        assert storage.violations(resource) == []

        with storage.unchanged(resource):
            assert session.completed()["status"] == "complete"
        assert storage.blob_names(resource) == [], "no manifest of an empty set is written"
