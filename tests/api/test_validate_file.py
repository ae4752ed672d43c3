"""validateFile: a dry run of uploadFile."""

import hashlib

import pytest

from tests.support.client import Session, assert_error
from tests.support.invariants import Storage

HEADER = b"principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\n"
OK = b"2d0c1f5e-6a7b-4c8d-9e0f-1a2b3c4d5e6f,user,door-1,Main door,,\n"
ANA = b"ana@contoso.com,user,door-1,Main door,,\n"


def validate(session: Session, content: bytes) -> dict[str, object]:
    answer = session.http.post(f"{session.path}/validateFile", files={"file": ("doors.csv", content)})
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


def test_a_good_file_is_counted_and_nothing_is_stored(session: Session, storage: Storage) -> None:
    content = HEADER + OK + OK.replace(b"door-1", b"door-2")

    with storage.unchanged(session.resource):
        answer = validate(session, content)

    assert answer == {
        "name": "doors.csv",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "layout": "graph",
        "rowCount": 2,
    }


def test_warnings_have_their_place(session: Session) -> None:
    answer = validate(session, HEADER + ANA + b"bo@contoso.com,user,door-1,=1+1,,\n" + ANA.replace(b"ana", b"ANA"))

    assert answer["@uploads.warningCount"] == 3
    warnings = answer["@uploads.warnings"]
    assert isinstance(warnings, list)
    assert [(warning["code"], warning["target"]) for warning in warnings] == [
        ("principalIsNotAnObjectId", "line 2, principalId"),
        ("formulaCell", "line 3, permissionName"),
        ("duplicatePermission", "line 4"),
    ]


def test_uploading_gives_the_same_warnings(session: Session) -> None:
    content = HEADER + b"bo@contoso.com,user,door-1,=1+1,,\n"

    uploaded = session.upload("doors.csv", content).json()

    assert uploaded["@uploads.warnings"] == validate(session, content)["@uploads.warnings"]


def test_a_bad_file_is_answered_as_an_upload_would_be_and_not_remembered(session: Session, storage: Storage) -> None:
    content = HEADER + ANA + b"nobody,user,,Main door,,\n"
    session.uploaded("good.csv")

    with storage.unchanged(session.resource):
        refused = session.http.post(f"{session.path}/validateFile", files={"file": ("doors.csv", content)})

    error = assert_error(refused, 400, "invalidRequest", "invalidFile", "file")
    assert error["details"] == assert_error(session.upload("doors2.csv", content), 400, "invalidRequest")["details"]
    assert [detail["target"] for detail in error["details"]] == ["line 3, principalId", "line 3, permissionId"]


@pytest.mark.parametrize("end", ["complete", "delete"])
def test_a_session_that_is_not_active_validates_no_file(session: Session, end: str) -> None:
    session.uploaded("good.csv")
    getattr(session, end)()

    answer = session.http.post(f"{session.path}/validateFile", files={"file": ("doors.csv", HEADER + ANA)})

    assert answer.status_code == {"complete": 409, "delete": 404}[end]
