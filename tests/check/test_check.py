"""``dev.py check``: no violations in a healthy account, and the number of each broken invariant."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.data.tables import EdmType, EntityProperty

from local.azurite import azurite
from shared.domain.sessions import Refusal, ResourceKey, SessionKey
from shared.storage.resource_partition.rows import newest_row, refusal_entity
from tests.support.client import Resource, Session, http_client
from tests.support.forks import run_fork
from tests.support.invariants import Storage
from tests.support.service import running_service

Break = Callable[[Storage, Session, dict[str, str]], None]


def _keys(session: Session, row: str) -> dict[str, str]:
    resource = session.resource
    return {"PartitionKey": f"{resource.catalog_id}_{resource.resource_id}", "RowKey": row}


def _blob(session: Session, name: str) -> str:
    return f"{session.resource.catalog_id}/{session.resource.resource_id}/{session.id}/{name}"


def _change(session: Session, storage: Storage, row: str, **values: object) -> None:
    storage.sessions.update_entity(_keys(session, row) | values)


def _drop_index(storage: Storage, session: Session) -> None:
    for row in storage.index_rows(session.resource):
        storage.expiry.delete_entity(row)


def _leave_a_blob(storage: Storage, session: Session, _file: dict[str, str]) -> None:
    storage.put_blob(_blob(session, str(uuid4())), b"left")
    _drop_index(storage, session)


def _index_nothing(storage: Storage, session: Session, _file: dict[str, str]) -> None:
    (row,) = storage.index_rows(session.resource)
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    storage.expiry.upsert_entity(dict(row) | {"Due": long_ago, "RowKey": f"20200101000000000:{session.id}"})


BROKEN: dict[str, tuple[str, Break]] = {
    "a file's blob is gone": ("1", lambda s, x, file: s.uploads.delete_blob(_blob(x, file["id"]))),
    "a file's bytes were changed": (
        "1",
        lambda s, x, file: _overwrite(s, _blob(x, file["id"]), b"#" + s.content(_blob(x, file["id"]))[1:]),
    ),
    "a session's row is gone": ("1", lambda s, x, _: s.sessions.delete_entity(_keys(x, f"session:{x.id}"))),
    "a file is not counted": ("2", lambda s, x, _: _change(x, s, f"session:{x.id}", FilesUploaded=0)),
    "a file has the mark of another one": (
        "2",
        lambda s, x, _: _change(x, s, f"session:{x.id}", FilesMark=str(uuid4())),
    ),
    "a name is used twice": ("3", lambda s, x, file: _double(s, x, file["id"])),
    "an accepted name is refused": ("3", lambda s, x, file: _refuse(s, x, file["name"])),
    "a refusal is not counted": ("4", lambda s, x, _: _change(x, s, f"session:{x.id}", OpenRefusals=1)),
    "a reference is gone": ("5", lambda s, x, _: _drop_reference(s, x)),
    "a reference has another holder": ("5", lambda s, x, _: _change_holder(s, x)),
    "a manifest of an active session": ("6", lambda s, x, _: s.put_blob(_blob(x, "manifest.json"), b"{}")),
    "a blob that nothing will delete": ("7", _leave_a_blob),
    "a session that the timer will not find": ("8", lambda s, x, _: _drop_index(s, x)),
    "a timer that does not run": ("9", _index_nothing),
    "an upload without an audit record": ("10", lambda s, x, _: _forget(s, x, "uploadFile")),
    "a file that was deleted without an audit record": ("10", lambda s, x, file: _delete_file(s, x, file["id"])),
    "a file with other rows than its audit record": ("10", lambda s, x, file: _change_rows(s, x, file["id"])),
    "a last complete session that is not there": ("15", lambda s, x, _: _note_last(s, x, str(uuid4()))),
    "a last complete session that is active": ("15", lambda s, x, _: _note_last(s, x, x.id)),
    "a row among the newest of no session": ("16", lambda s, x, _: _list_nothing(s, x)),
    "a session without a record of its creation": ("10", lambda s, x, _: _forget(s, x, "createSession")),
    "an end without an audit record": ("10", lambda s, x, _: _change(x, s, f"session:{x.id}", Status="expired")),
    "a record that no query by time finds": ("10", lambda s, x, _: _forget_activity(s, x)),
}


def _overwrite(storage: Storage, blob: str, content: bytes) -> None:
    storage.uploads.upload_blob(blob, content, overwrite=True)


def _double(storage: Storage, session: Session, file: str) -> None:
    row = storage.sessions.get_entity(*_keys(session, f"file:{session.id}:{file}").values())
    storage.sessions.create_entity(dict(row) | {"RowKey": f"file:{session.id}:{uuid4()}"})


def _refuse(storage: Storage, session: Session, name: str) -> None:
    refusal = Refusal(name, datetime.now(UTC), 1)
    resource = ResourceKey(session.resource.catalog_id, session.resource.resource_id)
    storage.sessions.create_entity(refusal_entity(SessionKey(resource, session.id), refusal))


def _delete_file(storage: Storage, session: Session, file: str) -> None:
    storage.sessions.delete_entity(_keys(session, f"file:{session.id}:{file}"))
    storage.uploads.delete_blob(_blob(session, file))
    _change(session, storage, f"session:{session.id}", FilesUploaded=0, TotalBytes=EntityProperty(0, EdmType.INT64))


def _change_rows(storage: Storage, session: Session, file: str) -> None:
    _change(session, storage, f"file:{session.id}:{file}", Rows=EntityProperty(999, EdmType.INT64))


def _list_nothing(storage: Storage, session: Session) -> None:
    storage.sessions.create_entity(_keys(session, newest_row(str(uuid4()))))


def _note_last(storage: Storage, session: Session, named: str) -> None:
    rows = EntityProperty(999, EdmType.INT64)
    storage.sessions.upsert_entity(_keys(session, "lastcomplete") | {"SessionId": named, "Rows": rows})


def _reference(storage: Storage, session: Session) -> str:
    keys = [str(row["RowKey"]) for row in storage.rows(session.resource)]
    return next(key for key in keys if key.startswith("reference:"))


def _forget(storage: Storage, session: Session, activity: str) -> None:
    for row in storage.rows(session.resource):
        if row.get("Activity") == activity:
            storage.sessions.delete_entity(row)


def _forget_activity(storage: Storage, session: Session) -> None:
    place = f"{session.resource.catalog_id}_{session.resource.resource_id}"
    for row in storage.account.activity.query_entities("RowKey eq @place", parameters={"place": place}):
        storage.account.activity.delete_entity(row)


def _drop_reference(storage: Storage, session: Session) -> None:
    storage.sessions.delete_entity(_keys(session, _reference(storage, session)))


def _change_holder(storage: Storage, session: Session) -> None:
    _change(session, storage, _reference(storage, session), SessionId=str(uuid4()))


@pytest.mark.parametrize("what", BROKEN)
def test_each_broken_invariant_is_reported(what: str, session: Session, storage: Storage) -> None:
    number, break_it = BROKEN[what]
    file = session.uploaded("access.csv")
    assert storage.violations(session.resource) == []

    break_it(storage, session, file)

    told = storage.violations(session.resource)
    assert number in {violation.split(":")[0] for violation in told}, told


UNLISTED: dict[str, tuple[str, dict[str, str], str]] = {
    "a grant for a resource": (
        "grants/catalogs/{catalog}/resources/{resource}/principals/{principal}",
        {"role": "owner"},
        "{principal}",
    ),
    "a grant for a catalog": ("grants/catalogs/{catalog}/principals/{principal}", {"role": "owner"}, "{principal}"),
    "a name": ("resources/{catalog}/{resource}", {"displayName": "Doors"}, "tenant"),
}


@pytest.mark.parametrize("what", UNLISTED)
def test_what_is_missing_in_the_index_is_reported_until_it_is_put_again(
    what: str, resource: Resource, storage: Storage
) -> None:
    path, body, partition = UNLISTED[what]
    ids = {"catalog": resource.catalog_id, "resource": resource.resource_id, "principal": str(uuid4())}

    def put() -> None:
        assert resource.http.put(f"/v1.0/uploads/{path.format(**ids)}", json=body).status_code == 200

    put()
    assert storage.violations(resource) == []

    (row,) = storage.account.access.query_entities(
        "PartitionKey eq @partition and RowKey ge @catalog and RowKey lt @end",
        parameters={
            "partition": partition.format(**ids),
            "catalog": resource.catalog_id,
            "end": f"{resource.catalog_id}~",
        },
    )
    storage.account.access.delete_entity(row)
    (told,) = storage.violations(resource)
    assert told.startswith("11: ")
    assert told.endswith("again")
    assert resource.catalog_id in told

    put()
    assert storage.violations(resource) == []


Delivery = dict[str, object]

DELIVERIES: dict[str, tuple[str, str, Delivery, bool]] = {
    "a delivery that the timer will not find": ("12", "delivery:{}:graph", {"State": "pending"}, False),
    "a delivery that waits for a timer": ("12", "delivery:{}:graph", {"State": "pending"}, True),
    "an event that nothing sends": ("13", "event:{}:1", {}, False),
    "a session there that is not known": ("14", "delivery:{}:graph", {"State": "delivered"}, False),
    "an end without an audit record": ("10", "delivery:{}:graph", {"State": "failed"}, False),
}


@pytest.mark.parametrize("what", DELIVERIES)
def test_each_broken_invariant_of_a_delivery_is_reported(what: str, session: Session, storage: Storage) -> None:
    number, row, values, overdue = DELIVERIES[what]
    storage.sessions.create_entity(_keys(session, row.format(session.id)) | values)
    if overdue:
        resource, due = session.resource, datetime.now(UTC) - timedelta(hours=2)
        place = {"CatalogId": resource.catalog_id, "ResourceId": resource.resource_id, "Due": due}
        keys = {"PartitionKey": f"{due:%Y%m%d%H}", "RowKey": f"{due:%Y%m%d%H%M%S}000:{session.id}"}
        storage.account.deliveries.upsert_entity(keys | place)

    told = storage.violations(session.resource)
    assert number in {violation.split(":")[0] for violation in told}, told


def test_a_claim_on_a_delivery_that_has_ended_is_reported(session: Session, storage: Storage) -> None:
    storage.sessions.create_entity(_keys(session, f"delivery:{session.id}:events") | {"State": "delivered"})
    claim = _keys(session, f"claim:{session.id}:events")
    storage.sessions.create_entity(claim | {"Until": datetime.now(UTC) + timedelta(minutes=1)})
    assert storage.violations(session.resource) == [], "another attempt has just begun"
    storage.sessions.upsert_entity(claim | {"Until": datetime.now(UTC) - timedelta(minutes=1)})
    assert [violation.split(":")[0] for violation in storage.violations(session.resource)] == ["14"]


@pytest.mark.parametrize("part", ["access.csv", '"layout": "graph"', '"filesUploaded": 1', '"id": "', "T"])
def test_a_manifest_that_differs_from_the_rows_is_reported(part: str, session: Session, storage: Storage) -> None:
    session.uploaded("access.csv")
    session.completed()
    assert storage.violations(session.resource) == []

    blob = _blob(session, "manifest.json")
    _overwrite(storage, blob, storage.content(blob).replace(part.encode(), part[:-1].encode() + b"?", 1))

    assert [violation.split(":")[0] for violation in storage.violations(session.resource)] == ["6"]


def test_other_rows_than_those_of_the_last_complete_session_are_reported(session: Session, storage: Storage) -> None:
    session.uploaded("access.csv")
    session.completed()

    _note_last(storage, session, session.id)

    assert [violation.split(":")[0] for violation in storage.violations(session.resource)] == ["15"]


def test_a_receipt_that_differs_from_the_files_is_reported(session: Session, storage: Storage) -> None:
    session.uploaded("access.csv")
    session.completed()
    _change(session, storage, f"session:{session.id}", SealedFiles=2)
    assert [violation.split(":")[0] for violation in storage.violations(session.resource)] == ["19"]
    _change(session, storage, f"session:{session.id}", SealedFiles=1)
    assert storage.violations(session.resource) == []

    storage.sessions.delete_entity(_keys(session, f"receipt:{session.id}"))

    assert [violation.split(":")[0] for violation in storage.violations(session.resource)] == ["19"]


def test_a_complete_session_without_a_manifest_waits_for_the_timer(session: Session, storage: Storage) -> None:
    session.uploaded("access.csv")
    session.completed()
    storage.uploads.delete_blob(_blob(session, "manifest.json"))
    assert storage.violations(session.resource) == []

    _drop_index(storage, session)

    assert [violation[0] for violation in storage.violations(session.resource)] == ["6"]


def test_the_command_reads_a_whole_account(tmp_path_factory: pytest.TempPathFactory) -> None:
    with azurite(tmp_path_factory.mktemp("azurite")) as account:
        with running_service(account.connection_string) as url, http_client(url) as http:
            sessions = [Resource(http).new_session() for _ in range(3)]
            file = sessions[1].uploaded("access.csv")
            resource = sessions[0].resource
            grant = f"/v1.0/uploads/grants/catalogs/{resource.catalog_id}/principals/{uuid4()}"
            assert http.put(grant, json={"role": "reader"}).status_code == 200

        def check(*arguments: str, variable: str = "UPLOADS_STORAGE") -> tuple[int, str]:
            done = run_fork(["check", *arguments], {variable: account.connection_string})
            return done.returncode, done.stdout

        assert check(variable="AzureWebJobsStorage")[0] == 0
        assert check() == (0, "3 sessions, 1 file, 1 blob: no violations\n")
        storage = Storage(account.connection_string)
        broken = _blob(sessions[1], file["id"])
        _overwrite(storage, broken, storage.content(broken).replace(b"door", b"DOOR"))
        assert check("--quick") == (0, "3 sessions, 1 file, 1 blob: no violations\n")
        code, told = check()
        assert (code, len(told.splitlines())) == (1, 2)
        assert f"1: file {file['id']}" in told

        (row,) = storage.account.access.list_entities()
        storage.account.access.delete_entity(row)
        storage.close()
        code, told = check("--quick")
        assert (code, told.splitlines()[0][:3]) == (1, "11:")
        assert told.endswith(": 1 violation; see docs/invariants.md\n")


def test_the_command_fails_if_there_is_nothing_to_check(storage: Storage) -> None:
    elsewhere = {"UPLOADS_STORAGE": storage.connection_string, "UPLOADS_NAME_PREFIX": "typo"}
    done = run_fork(["check"], elsewhere)

    assert (done.returncode, done.stdout) == (2, "")
    assert "no rows in table typouploadsessions and no blobs in container typouploads" in done.stderr


def test_the_command_refuses_half_a_connection_as_the_app_does() -> None:
    half = {"UPLOADS_STORAGE__blobServiceUri": "https://b.example", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    done = run_fork(["check"], half)

    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("UPLOADS_STORAGE__blobServiceUri is not a complete storage connection.")
