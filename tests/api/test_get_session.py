"""GET of one session, and its query options."""

from uuid import uuid4

import pytest

from tests.support.access_files import access_file
from tests.support.client import Resource, Session, as_object, assert_error, create_body


def test_get_answers_what_create_answered_but_the_files(resource: Resource) -> None:
    created = as_object(resource.create())

    answer = resource.session(created["id"]).get()

    assert answer.status_code == 200
    del created["files"]
    assert answer.json() == created
    assert answer.headers["ETag"] == created["@odata.etag"]


def test_ids_in_the_path_may_be_in_capitals(session: Session) -> None:
    answer = session.http.get(
        session.path.replace(session.id, session.id.upper()).replace(
            session.resource.catalog_id, session.resource.catalog_id.upper()
        )
    )

    assert answer.status_code == 200
    assert answer.json() == session.read()


def test_a_session_that_does_not_exist_is_404(resource: Resource) -> None:
    assert_error(resource.session(str(uuid4())).get(), 404, "itemNotFound", "uploadSessionNotFound")


def test_a_session_of_another_resource_is_404(session: Session) -> None:
    elsewhere = Resource(session.http, catalog_id=session.resource.catalog_id).session(session.id)

    assert_error(elsewhere.get(), 404, "itemNotFound", "uploadSessionNotFound")


def test_reading_changes_nothing(session: Session) -> None:
    session.uploaded("access.csv")
    before = session.get().headers["ETag"]

    session.get({"$expand": "files"})

    assert session.get().headers["ETag"] == before


def test_the_etag_changes_with_the_session(session: Session) -> None:
    before = session.get().headers["ETag"]

    session.uploaded("access.csv")

    assert session.get().headers["ETag"] != before


def test_stats_are_the_sum_over_the_files(session: Session) -> None:
    sizes = [session.uploaded(name)["size"] for name in ("a.csv", "b.csv")]

    assert session.read()["stats"] == {"filesUploaded": 2, "totalBytesUploaded": sum(sizes)}


def test_files_come_only_when_asked_for(session: Session) -> None:
    uploaded = [session.uploaded(name) for name in ("a.csv", "b.csv")]

    assert "files" not in session.read()
    assert session.read({"$expand": "files"})["files"] == uploaded


def test_a_session_without_files_expands_to_none(session: Session) -> None:
    assert session.read({"$expand": "files"})["files"] == []


@pytest.mark.parametrize(
    ("expand", "names"),
    [
        ("files($filter=name eq 'b.csv')", ["b.csv"]),
        ("files($filter=name ne 'b.csv')", ["a.csv", "c's.csv"]),
        ("files($filter=name eq 'c''s.csv')", ["c's.csv"]),
        ("files($filter=name eq 'missing.csv')", []),
        ("files($filter=size gt 0)", ["a.csv", "b.csv", "c's.csv"]),
        ("files($filter=size gt 1000000)", []),
        ("files($filter=uploadedDateTime ge 2026-01-01T00:00:00Z)", ["a.csv", "b.csv", "c's.csv"]),
        ("files($filter=uploadedDateTime lt 2026-01-01T00:00:00Z)", []),
        ("files($filter=name eq 'a.csv' or name eq 'b.csv')", ["a.csv", "b.csv"]),
        ("files($filter=size gt 0 and name ne 'a.csv')", ["b.csv", "c's.csv"]),
        ("files($orderby=uploadedDateTime desc)", ["c's.csv", "b.csv", "a.csv"]),
        ("files($orderby=uploadedDateTime)", ["a.csv", "b.csv", "c's.csv"]),
        ("files($orderby=uploadedDateTime desc;$filter=name ne 'b.csv')", ["c's.csv", "a.csv"]),
        ("files($filter=name ne 'b.csv';$orderby=uploadedDateTime asc)", ["a.csv", "c's.csv"]),
    ],
)
def test_expanded_files_are_filtered_and_ordered(session: Session, expand: str, names: list[str]) -> None:
    for name in ("a.csv", "b.csv", "c's.csv"):
        session.uploaded(name)

    files = session.read({"$expand": expand})["files"]

    assert [file["name"] for file in files] == names


@pytest.mark.parametrize(
    ("comparison", "names"),
    [
        ("eq", ["b.csv"]),
        ("ne", ["a.csv", "c.csv"]),
        ("gt", ["c.csv"]),
        ("ge", ["b.csv", "c.csv"]),
        ("lt", ["a.csv"]),
        ("le", ["a.csv", "b.csv"]),
    ],
)
def test_files_compare_by_size_and_by_time(session: Session, comparison: str, names: list[str]) -> None:
    files = {
        name: session.uploaded(name, access_file(rows))
        for rows, name in enumerate(("a.csv", "b.csv", "c.csv"), start=1)
    }
    size, uploaded = files["b.csv"]["size"], files["b.csv"]["uploadedDateTime"]

    for condition in (f"size {comparison} {size}", f"uploadedDateTime {comparison} {uploaded}"):
        expanded = session.read({"$expand": f"files($filter={condition})"})["files"]
        assert [file["name"] for file in expanded] == names, condition


def test_select_leaves_the_other_properties_out(session: Session) -> None:
    selected = session.read({"$select": "id,status"})

    assert {name for name in selected if not name.startswith("@")} == {"id", "status"}


def test_expanded_files_come_beside_selected_properties(session: Session) -> None:
    session.uploaded("access.csv")

    selected = session.read({"$select": "id", "$expand": "files"})

    assert {name for name in selected if not name.startswith("@")} == {"id", "files"}


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("$filter", "status eq 'active'", "$filter"),
        ("$orderby", "createdDateTime", "$orderby"),
        ("$top", "1", "$top"),
        ("$skip", "1", "$skip"),
        ("$count", "true", "$count"),
        ("$search", "access", "$search"),
        ("$format", "xml", "$format"),
        ("$colour", "blue", "$colour"),
        ("$select", "colour", "colour"),
        ("$expand", "owners", "owners"),
        ("$expand", "files($filter=colour eq 'blue')", "colour"),
        ("$expand", "files($filter=name gt 'a')", "name"),
        ("$expand", "files($filter=size eq 'many')", "size"),
        ("$expand", "files($filter=)", "$filter"),
        ("$expand", "files($filter=name eq)", "$filter"),
        ("$expand", "files($orderby=colour)", "colour"),
        ("$expand", "files($colour=blue)", "$colour"),
        ("$expand", "files(", "$expand"),
    ],
)
def test_an_option_that_is_not_supported_is_refused_by_name(
    session: Session, option: str, value: str, named: str
) -> None:
    error = assert_error(session.get({option: value}), 400, "invalidRequest", "invalidQueryOption")

    assert named in f"{error['message']} {error.get('target')}"


def test_custom_options_are_ignored(session: Session) -> None:
    assert session.read({"colour": "blue", "filters": "nonsense"}) == session.read()


def test_a_deleted_session_is_404(session: Session) -> None:
    assert session.delete().status_code == 204

    assert_error(session.get(), 404, "itemNotFound", "uploadSessionNotFound")


def test_data_is_echoed(resource: Resource) -> None:
    body = create_body()

    session = resource.session(resource.create(body).json()["id"])

    assert session.read()["data"] == body["data"]
