"""DELETE: a session and its files are removed, and its reference can be used again."""

from uuid import uuid4

import pytest

from tests.support.access_files import faulty_access_file
from tests.support.client import Resource, Session, assert_error
from tests.support.invariants import Storage
from tests.support.service import eventually, fire_timer


def test_a_deleted_session_is_gone(session: Session) -> None:
    answer = session.delete()

    assert answer.status_code == 204
    assert answer.content == b""
    not_found = ("itemNotFound", "uploadSessionNotFound")
    assert_error(session.get(), 404, *not_found)
    assert_error(session.complete(), 404, *not_found)
    assert_error(session.upload("access.csv"), 404, *not_found)
    assert_error(session.files(), 404, *not_found)
    assert_error(session.count_files(), 404, *not_found)
    assert_error(session.delete(), 404, *not_found)
    assert session.resource.ids() == []
    assert session.resource.count().text == "0"


def test_the_files_of_a_deleted_session_are_removed(session: Session, storage: Storage, service: str) -> None:
    files = [session.uploaded(name) for name in ("a.csv", "b.csv")]
    assert session.upload("c.csv", faulty_access_file(3)).status_code == 400

    assert session.delete().status_code == 204

    assert_error(session.file(files[0]["id"]), 404, "itemNotFound")
    assert_error(session.value(files[0]["id"]), 404, "itemNotFound")
    fire_timer(service)
    assert eventually(lambda: not storage.blob_names(session.resource))
    assert storage.violations(session.resource) == []


def test_a_complete_session_cannot_be_deleted(session: Session, storage: Storage) -> None:
    session.uploaded("access.csv")
    session.completed()

    with storage.unchanged(session.resource):
        assert_error(session.delete(), 409, "notAllowed")

    assert session.read()["status"] == "complete"


def test_a_session_that_does_not_exist_is_404(resource: Resource) -> None:
    assert_error(resource.session(str(uuid4())).delete(), 404, "itemNotFound", "uploadSessionNotFound")


def test_a_matching_etag_lets_the_deletion_pass(session: Session) -> None:
    assert session.delete({"If-Match": session.get().headers["ETag"]}).status_code == 204


def test_an_outdated_etag_stops_the_deletion(session: Session, storage: Storage) -> None:
    outdated = session.get().headers["ETag"]
    session.uploaded("access.csv")

    with storage.unchanged(session.resource):
        answer = session.delete({"If-Match": outdated})

    assert_error(answer, 412, "resourceModified", "entityTagDoesNotMatch")


@pytest.mark.parametrize("if_match", ["nonsense", 'W/"open'])
def test_a_malformed_etag_is_refused(session: Session, storage: Storage, if_match: str) -> None:
    with storage.unchanged(session.resource):
        assert_error(session.delete({"If-Match": if_match}), 400, "invalidRequest", "malformedEntityTag")


def test_another_session_keeps_its_files(session: Session, storage: Storage) -> None:
    other = session.resource.new_session()
    file = other.uploaded("access.csv")
    session.uploaded("access.csv")

    assert session.delete().status_code == 204

    assert other.value(file["id"]).status_code == 200
    assert storage.violations(session.resource) == []


def test_a_session_with_more_rows_than_fit_into_a_transaction_is_deleted_whole(
    session: Session, storage: Storage
) -> None:
    for number in range(100):
        session.uploaded(f"{number}.csv")
    assert session.upload("bad.csv", faulty_access_file(3)).status_code == 400

    assert session.delete().status_code == 204

    assert {row["RowKey"].split(":")[0] for row in storage.rows(session.resource)} == {"audit"}
    assert storage.orphans(session.resource) == []
    assert storage.violations(session.resource) == []
