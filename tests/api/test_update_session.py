"""PATCH: marking a session as done, and the completion guard."""

import json
from hashlib import sha256

import pytest

from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import SESSION_TYPE, Json, Resource, Session, as_object, assert_error
from tests.support.invariants import Storage


@pytest.fixture
def ready(session: Session) -> Session:
    """An active session with one file."""
    session.uploaded("access.csv")
    return session


def test_a_session_that_is_marked_as_done_is_complete(ready: Session) -> None:
    before = ready.read({"$expand": "files"})

    answer = ready.complete()

    assert answer.status_code == 200
    session = as_object(answer)
    assert session["status"] == "complete"
    assert session["isUploadDone"] is True
    assert session["expirationDateTime"] is None
    assert session["files"] == before["files"]
    assert session["@odata.context"] == f"{ready.resource.context}/$entity"
    assert session["@odata.etag"] == answer.headers["ETag"] != before["@odata.etag"]
    unchanged = ("id", "createdDateTime", "referenceId", "data", "stats", "@odata.type")
    assert {name: session[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_a_complete_session_stays_as_it_is_when_it_is_marked_again(ready: Session, storage: Storage) -> None:
    first = ready.complete()

    with storage.unchanged(ready.resource):
        second = ready.complete()

    assert second.status_code == 200
    assert second.json() == first.json()


def test_a_session_without_files_is_incomplete(session: Session, storage: Storage) -> None:
    with storage.unchanged(session.resource):
        error = assert_error(session.complete(), 409, "notAllowed", "uploadSessionIncomplete")

    assert error["message"]
    assert session.read()["status"] == "active"


def test_a_refused_file_blocks_completion_until_it_is_replaced(ready: Session) -> None:
    assert ready.upload("doors.csv", faulty_access_file(3)).status_code == 400

    error = assert_error(ready.complete(), 409, "notAllowed", "uploadSessionIncomplete")
    assert [detail["target"] for detail in error["details"]] == ["doors.csv"]
    assert ready.read()["status"] == "active"

    ready.uploaded("doors.csv")
    assert ready.completed()["status"] == "complete"


def test_another_name_does_not_replace_a_refused_file(ready: Session) -> None:
    assert ready.upload("doors.csv", faulty_access_file(3)).status_code == 400

    ready.uploaded("doors-fixed.csv")

    assert_error(ready.complete(), 409, "notAllowed", "uploadSessionIncomplete")


def test_a_file_that_is_refused_again_is_one_refusal(ready: Session) -> None:
    for line in (3, 4):
        assert ready.upload("doors.csv", faulty_access_file(line)).status_code == 400

    error = assert_error(ready.complete(), 409, "notAllowed", "uploadSessionIncomplete")
    assert [detail["target"] for detail in error["details"]] == ["doors.csv"]

    ready.uploaded("doors.csv")
    assert ready.completed()["status"] == "complete"


def test_every_refused_file_is_named(session: Session) -> None:
    for name in ("doors.csv", "gates.csv", "Türen ✓.csv"):
        assert session.upload(name, faulty_access_file(3)).status_code == 400

    error = assert_error(session.complete(), 409, "notAllowed", "uploadSessionIncomplete")

    assert {detail["target"] for detail in error["details"]} == {"doors.csv", "gates.csv", "Türen ✓.csv"}


@pytest.mark.parametrize(
    "prefer",
    ["allow-incomplete", "Allow-Incomplete", "return=representation, allow-incomplete", "allow-incomplete; wait=1"],
)
def test_allow_incomplete_completes_an_incomplete_session(session: Session, prefer: str) -> None:
    assert session.upload("doors.csv", faulty_access_file(3)).status_code == 400

    answer = session.complete({"Prefer": prefer})

    assert answer.status_code == 200
    assert answer.json()["status"] == "complete"
    assert answer.json()["stats"] == {"filesUploaded": 0, "totalBytesUploaded": 0}
    assert answer.headers["Preference-Applied"] == "allow-incomplete"


def test_the_audit_has_the_permission_of_a_change_for_the_target_of_forwarding(ready: Session) -> None:
    # Here is no limit; the target may have one (docs/deliveries.md).
    assert ready.complete({"Prefer": "allow-change"}).status_code == 200

    place = f"catalogId eq '{ready.resource.catalog_id}' and resourceId eq '{ready.resource.resource_id}'"
    records = ready.resource.http.get("/v1.0/uploads/audit", params={"$filter": place}).json()["value"]
    assert [each["details"].get("preference") for each in records if each["activity"] == "completeSession"] == [
        "allow-change"
    ]


@pytest.mark.parametrize("prefer", ["return=minimal", "allow-incompleteness", "no-allow-incomplete"])
def test_another_preference_does_not_complete_it(session: Session, prefer: str) -> None:
    answer = session.complete({"Prefer": prefer})

    assert_error(answer, 409, "notAllowed", "uploadSessionIncomplete")
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param({}, "isUploadDone", id="nothing"),
        pytest.param({"isUploadDone": False}, "isUploadDone", id="false"),
        pytest.param({"isUploadDone": None}, "isUploadDone", id="null"),
        pytest.param({"isUploadDone": "true"}, "isUploadDone", id="text"),
        pytest.param({"isUploadDone": 1}, "isUploadDone", id="number"),
        pytest.param({"isUploadDone": True, "status": "complete"}, "status", id="status"),
        pytest.param({"isUploadDone": True, "files": []}, "files", id="files"),
        pytest.param({"isUploadDone": True, "expirationDateTime": None}, "expirationDateTime", id="expiration"),
        pytest.param({"isUploadDone": True, "createdDateTime": "2026"}, "createdDateTime", id="created"),
        pytest.param({"isUploadDone": True, "source": "BuildingAccessData"}, "source", id="source"),
        pytest.param({"isUploadDone": True, "data": None}, "data", id="data"),
        pytest.param({"status": "complete"}, "status", id="status-alone"),
        pytest.param({"isUploadDone": True, "referenceId": "x"}, "referenceId", id="reference"),
        pytest.param({"isUploadDone": True, "stats": {"filesUploaded": 9}}, "stats", id="stats"),
        pytest.param({"isUploadDone": True, "colour": "blue"}, "colour", id="unknown"),
        pytest.param({"IsUploadDone": True}, "IsUploadDone", id="another-case"),
    ],
)
def test_nothing_else_can_be_updated(ready: Session, storage: Storage, body: Json, named: str) -> None:
    with storage.unchanged(ready.resource):
        error = assert_error(ready.patch(body), 400, "invalidRequest")

    assert named in json.dumps(error)
    assert ready.read()["status"] == "active"


@pytest.mark.parametrize("body", [{"isUploadDone": False}, {"isUploadDone": True, "status": "expired"}, {"id": "x"}])
def test_a_property_that_cannot_be_updated_is_named_as_such(ready: Session, body: Json) -> None:
    assert_error(ready.patch(body), 400, "invalidRequest", "propertyNotUpdateable")


def test_read_only_properties_with_their_present_values_are_ignored(ready: Session) -> None:
    """What a client does that changes one property of what it has read, and writes ids and times in its own way."""
    read = ready.read({"$expand": "files"})
    created = read["createdDateTime"].replace("Z", "0+00:00")
    body = read | {"isUploadDone": True, "id": read["id"].upper(), "createdDateTime": created, "source": None}

    answers = [ready.patch(body) for _ in range(2)]

    # The second one repeats it after a lost response: what it says was so before the completion.
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json() == answers[0].json()
    assert answers[1].json()["status"] == "complete"


@pytest.mark.parametrize("change", [{"status": "expired"}, {"stats": {"filesUploaded": 2}}, {"referenceId": "x"}])
def test_other_values_are_refused_for_a_complete_session_too(ready: Session, change: Json) -> None:
    ready.completed()

    error = assert_error(ready.patch({"isUploadDone": True} | change), 400, "invalidRequest", "propertyNotUpdateable")

    assert error["target"] in change


def test_annotations_of_a_typed_model_are_ignored(ready: Session) -> None:
    answer = ready.patch(
        {"@odata.type": SESSION_TYPE, "@odata.etag": 'W/"1"', "@uploads.delivery": [], "isUploadDone": True}
    )

    assert answer.status_code == 200
    assert answer.json()["status"] == "complete"


def test_a_matching_etag_lets_the_update_pass(ready: Session) -> None:
    etag = ready.get().headers["ETag"]

    assert ready.complete({"If-Match": etag}).status_code == 200


@pytest.mark.parametrize("if_match", ["*", 'W/"other", {etag}'])
def test_any_of_several_etags_lets_the_update_pass(ready: Session, if_match: str) -> None:
    etag = ready.get().headers["ETag"]

    assert ready.complete({"If-Match": if_match.format(etag=etag)}).status_code == 200


def test_an_outdated_etag_stops_the_update(ready: Session, storage: Storage) -> None:
    outdated = ready.get().headers["ETag"]
    ready.uploaded("more.csv")

    with storage.unchanged(ready.resource):
        answer = ready.complete({"If-Match": outdated})

    assert_error(answer, 412, "resourceModified", "entityTagDoesNotMatch")


@pytest.mark.parametrize("if_match", ["nonsense", 'W/"open', '"a" "b"', ","])
def test_a_malformed_etag_is_refused(ready: Session, storage: Storage, if_match: str) -> None:
    with storage.unchanged(ready.resource):
        answer = ready.complete({"If-Match": if_match})

    assert_error(answer, 400, "invalidRequest", "malformedEntityTag")


def test_a_session_that_does_not_exist_is_404(resource: Resource, session: Session) -> None:
    elsewhere = Resource(resource.http).session(session.id)

    assert_error(elsewhere.complete(), 404, "itemNotFound", "uploadSessionNotFound")


def test_update_takes_no_query_options(ready: Session) -> None:
    answer = ready.http.patch(ready.path, params={"$select": "id"}, json={"isUploadDone": True})

    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", "$select")
    assert ready.read()["status"] == "active"


def test_a_complete_session_has_a_receipt_in_every_response(session: Session) -> None:
    contents = {"a.csv": access_file(2), "b.csv": access_file(5)}
    for name, content in contents.items():
        session.uploaded(name, content)
    assert "@uploads.receipt" not in session.read()

    receipt = session.completed()["@uploads.receipt"]

    assert receipt["fileCount"] == 2
    assert receipt["rowCount"] == 7
    assert receipt["totalBytes"] == sum(map(len, contents.values()))
    assert receipt["completedBy"] == {"objectId": None, "appId": None}
    assert receipt["filesRemovedDateTime"] is None
    assert session.read({"$select": "id"})["@uploads.receipt"] == receipt
    (listed,) = session.http.get(session.resource.path).json()["value"]
    assert listed["@uploads.receipt"] == receipt
    assert session.completed()["@uploads.receipt"] == receipt


def test_completion_writes_a_manifest_of_one_consistent_set(session: Session, storage: Storage) -> None:
    contents = {"a.csv": access_file(2), "b.csv": access_file(5)}
    ids = [session.uploaded(name, content)["id"] for name, content in contents.items()]
    session.completed()

    resource = session.resource
    blob = f"{resource.catalog_id}/{resource.resource_id}/{session.id}/manifest.json"
    manifest = json.loads(storage.content(blob))

    text = json.dumps(manifest)
    assert session.id in text
    assert session.read()["referenceId"] in text
    assert [file["id"] for file in manifest["files"]] == ids
    assert [file["name"] for file in manifest["files"]] == list(contents)
    assert [file["size"] for file in manifest["files"]] == [len(content) for content in contents.values()]
    assert [file["sha256"] for file in manifest["files"]] == [sha256(file).hexdigest() for file in contents.values()]
    assert [file["rows"] for file in manifest["files"]] == [2, 5]
