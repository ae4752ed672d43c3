"""Open refusals: `GET .../refusals`, `DELETE .../refusals/{id}`, and their limit."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Json, Resource, Session, as_object, assert_error, http_client, instant
from tests.support.invariants import Storage
from tests.support.service import running_service

MAX_FILES = 3


@pytest.fixture(scope="module")
def strict_http(storage: Storage) -> Iterator[httpx.Client]:
    """A client of a service with a low limit of files, and therefore of open refusals."""
    with running_service(storage.connection_string, max_files=MAX_FILES) as url, http_client(url) as client:
        yield client


@pytest.fixture
def strict(strict_http: httpx.Client) -> Session:
    """An active session without files, in the service with the low limit."""
    return Resource(strict_http).new_session()


def refuse(session: Session, *names: str) -> None:
    """Upload invalid files."""
    for name in names:
        assert session.upload(name, faulty_access_file(3, 5)).status_code == 400


def listed(session: Session) -> list[Json]:
    """The open refusals that the service lists."""
    answer = session.refusals()
    assert answer.status_code == 200, answer.text
    return list(as_object(answer)["value"])


def test_open_refusals_are_listed(session: Session) -> None:
    before = session.read()
    refuse(session, "doors.csv", "Türen ✓.csv")

    refusals = listed(session)

    assert {refusal["name"] for refusal in refusals} == {"doors.csv", "Türen ✓.csv"}
    for refusal in refusals:
        assert set(refusal) == {"id", "name", "refusedDateTime", "findingCount"}
        assert UUID(refusal["id"])
        assert instant(refusal["refusedDateTime"]) >= instant(before["createdDateTime"])
        assert refusal["findingCount"] == 2
    context = f"{session.resource.context}('{session.id}')/refusals"
    assert session.refusals().json()["@odata.context"] == context


def test_a_session_without_refusals_lists_none(session: Session) -> None:
    session.uploaded("access.csv")

    assert listed(session) == []


def test_a_replaced_file_is_no_longer_listed(session: Session) -> None:
    refuse(session, "doors.csv", "gates.csv")

    session.uploaded("doors.csv")

    assert [refusal["name"] for refusal in listed(session)] == ["gates.csv"]


def test_a_withdrawn_refusal_no_longer_blocks_completion(session: Session, storage: Storage) -> None:
    """A spreadsheet is uploaded by mistake, then its export under another name."""
    refuse(session, "access.xlsx")
    session.uploaded("access.csv")
    error = assert_error(session.complete(), 409, "notAllowed", "uploadSessionIncomplete")
    assert "/refusals" in error["message"], "the error says how to withdraw a refusal"

    (refusal,) = listed(session)
    answer = session.withdraw(refusal["id"])

    assert (answer.status_code, answer.content) == (204, b"")
    assert listed(session) == []
    assert storage.violations(session.resource) == []
    assert session.completed()["stats"]["filesUploaded"] == 1


def test_a_withdrawal_postpones_expiration(session: Session) -> None:
    refuse(session, "doors.csv")
    before = session.read()

    assert session.withdraw(listed(session)[0]["id"]).status_code == 204

    after = session.read()
    assert instant(after["expirationDateTime"]) > instant(before["expirationDateTime"])
    assert after["@odata.etag"] != before["@odata.etag"]


def test_a_withdrawn_name_can_be_refused_again(session: Session) -> None:
    refuse(session, "doors.csv")
    assert session.withdraw(listed(session)[0]["id"]).status_code == 204

    refuse(session, "doors.csv")

    assert [refusal["name"] for refusal in listed(session)] == ["doors.csv"]
    assert_error(session.complete(), 409, "notAllowed", "uploadSessionIncomplete")


def test_a_refusal_that_does_not_exist_is_404(session: Session) -> None:
    refuse(session, "doors.csv")
    (refusal,) = listed(session)
    assert_error(session.withdraw(str(uuid4())), 404, "itemNotFound", "itemNotFound")

    assert session.withdraw(refusal["id"].upper()).status_code == 204
    assert_error(session.withdraw(refusal["id"]), 404, "itemNotFound", "itemNotFound")


def test_refusals_of_a_session_that_does_not_exist_are_404(session: Session) -> None:
    elsewhere = Resource(session.http).session(session.id)

    assert_error(elsewhere.refusals(), 404, "itemNotFound", "uploadSessionNotFound")
    assert_error(elsewhere.withdraw(str(uuid4())), 404, "itemNotFound", "uploadSessionNotFound")


def test_a_complete_session_keeps_its_refusals(session: Session, storage: Storage) -> None:
    refuse(session, "doors.csv")
    assert session.complete({"Prefer": "allow-incomplete"}).status_code == 200
    (refusal,) = listed(session)

    with storage.unchanged(session.resource):
        assert_error(session.withdraw(refusal["id"]), 409, "notAllowed", "uploadSessionFailed")


def test_completion_lists_at_most_twenty_refusals_and_their_number(session: Session) -> None:
    refuse(session, *(f"{number}.csv" for number in range(23)))

    error = assert_error(session.complete(), 409, "notAllowed", "uploadSessionIncomplete")

    assert len(error["details"]) == 20
    assert error["innerError"]["refusalCount"] == 23
    assert "23 refused files" in error["message"]
    assert len(listed(session)) == 23


def test_a_session_has_at_most_as_many_refusals_as_files(strict: Session, storage: Storage) -> None:
    refuse(strict, *(f"{number}.csv" for number in range(MAX_FILES)))

    with storage.unchanged(strict.resource):
        answer = strict.upload("more.csv", faulty_access_file(3, 5))

    error = assert_error(answer, 400, "invalidRequest", "maxItemCountExceeded")
    assert "UPLOADS_MAX_FILES" in error["message"]
    assert [detail["target"] for detail in error["details"]] == ["line 3, permissionId", "line 5, permissionId"]
    assert error["innerError"]["findingCount"] == 2
    assert len(storage.refused_names(strict)) == MAX_FILES


def test_at_the_limit_a_refusal_can_be_repeated_replaced_or_withdrawn(strict: Session, storage: Storage) -> None:
    refuse(strict, *(f"{number}.csv" for number in range(MAX_FILES)))

    assert_error(strict.upload("0.csv", faulty_access_file(4)), 400, "invalidRequest", "invalidFile")
    strict.uploaded("0.csv")
    refuse(strict, "more.csv")
    refusals = {refusal["name"]: refusal["id"] for refusal in listed(strict)}
    assert strict.withdraw(refusals["1.csv"]).status_code == 204
    refuse(strict, "another.csv")

    assert sorted(storage.refused_names(strict)) == ["2.csv", "another.csv", "more.csv"]
    assert storage.violations(strict.resource) == []


@pytest.mark.parametrize("option", ["$filter", "$top", "$select", "$expand"])
def test_refusals_take_no_query_options(session: Session, option: str) -> None:
    answer = session.http.get(f"{session.path}/refusals", params={option: "1"})

    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", option)


# A name that has an accepted file


def test_a_name_with_an_accepted_file_is_never_remembered_as_refused(session: Session, storage: Storage) -> None:
    file = session.uploaded("doors.csv")
    before = session.read()

    answer = session.upload("doors.csv", faulty_access_file(3))

    error = assert_error(answer, 400, "invalidRequest", "invalidFile")
    assert [detail["target"] for detail in error["details"]] == ["line 3, permissionId"]
    assert error["innerError"]["fileId"] == file["id"]
    assert "was accepted earlier" in error["message"]
    assert f"files/{file['id']}" in error["message"], "the error says how to replace the file"
    assert storage.refused_names(session) == []
    assert listed(session) == []
    assert instant(session.read()["expirationDateTime"]) > instant(before["expirationDateTime"])
    assert storage.violations(session.resource) == []
    assert session.completed()["stats"]["filesUploaded"] == 1


def test_the_way_out_of_a_taken_name_is_to_delete_the_file(session: Session) -> None:
    file = session.uploaded("doors.csv")
    fixed = access_file()
    error = assert_error(session.upload("doors.csv", fixed), 409, "nameAlreadyExists", target="file")
    assert f"files/{file['id']}" in error["message"]

    assert session.delete_file(file["id"]).status_code == 204

    assert session.uploaded("doors.csv", fixed)["id"] != file["id"]
    assert session.completed()["stats"] == {"filesUploaded": 1, "totalBytesUploaded": len(fixed)}
