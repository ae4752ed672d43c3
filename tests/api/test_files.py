"""The files of a session: list, one file, its bytes, and `$count`."""

from hashlib import sha256
from uuid import uuid4

import pytest
from azure.data.tables import UpdateMode

from tests.support.access_files import access_file
from tests.support.client import Json, Resource, Session, as_object, assert_error, instant
from tests.support.invariants import Storage

HEADER = b"principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\n"


@pytest.fixture
def three(session: Session) -> list[Json]:
    """The entries of three files, the later the larger."""
    return [session.uploaded(name, access_file(rows)) for rows, name in enumerate(("a.csv", "b.csv", "c.csv"), start=1)]


def test_files_are_listed_as_they_are_expanded(session: Session, three: list[Json]) -> None:
    answer = session.files()

    assert answer.status_code == 200
    assert answer.json()["value"] == three == session.read({"$expand": "files"})["files"]
    assert answer.json()["@odata.context"].startswith(f"{str(session.http.base_url).rstrip('/')}/v1.0/$metadata#")


def test_a_session_without_files_lists_none(session: Session) -> None:
    assert session.files().json()["value"] == []
    assert session.count_files().text == "0"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"$filter": "name eq 'b.csv'"}, ["b.csv"]),
        ({"$filter": "name ne 'b.csv'"}, ["a.csv", "c.csv"]),
        ({"$filter": "size gt {size}"}, ["c.csv"]),
        ({"$filter": "size ge {size}"}, ["b.csv", "c.csv"]),
        ({"$filter": "size le {size} and name ne 'a.csv'"}, ["b.csv"]),
        ({"$filter": "uploadedDateTime lt {uploadedDateTime}"}, ["a.csv"]),
        ({"$filter": "uploadedDateTime eq {uploadedDateTime}"}, ["b.csv"]),
        ({"$orderby": "uploadedDateTime desc"}, ["c.csv", "b.csv", "a.csv"]),
        ({"$top": "2"}, ["a.csv", "b.csv"]),
        ({"$skip": "1"}, ["b.csv", "c.csv"]),
        ({"$skip": "1", "$top": "1"}, ["b.csv"]),
        ({"$orderby": "uploadedDateTime desc", "$top": "1"}, ["c.csv"]),
        ({"$filter": "name ne 'b.csv'", "$skip": "1"}, ["c.csv"]),
    ],
)
def test_files_are_filtered_ordered_and_cut(
    session: Session, three: list[Json], options: dict[str, str], names: list[str]
) -> None:
    filled = {option: value.format(**three[1]) for option, value in options.items()}

    assert session.file_names(filled) == names


@pytest.mark.parametrize("option", ["$skip", "skip", "Skip"])
def test_the_next_page_begins_where_the_last_one_ended(session: Session, three: list[Json], option: str) -> None:
    page = session.files({option: "1", "$top": "1"}).json()

    rest = session.http.get(page["@odata.nextLink"]).json()

    assert (page["value"], rest["value"]) == (three[1:2], three[2:])
    assert "@odata.nextLink" not in rest


def test_count_tells_all_that_match(session: Session, three: list[Json]) -> None:
    assert session.files({"$count": "true", "$top": "1"}).json()["@odata.count"] == 3
    assert session.files({"$count": "true", "$filter": "name ne 'a.csv'"}).json()["@odata.count"] == 2
    assert "@odata.count" not in session.files().json()


def test_select_leaves_the_other_properties_out(session: Session, three: list[Json]) -> None:
    (first, *_) = session.files({"$select": "name"}).json()["value"]

    assert {name for name in first if not name.startswith("@")} == {"name"}


def test_the_count_of_files_is_bare_digits(session: Session, three: list[Json]) -> None:
    answer = session.count_files()

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == "3"
    assert session.count_files({"$filter": "name eq 'a.csv'"}).text == "1"


def test_one_file_is_read_by_its_id(session: Session, three: list[Json]) -> None:
    answer = session.file(three[1]["id"])

    assert answer.status_code == 200
    file = as_object(answer)
    assert {name: file[name] for name in three[1]} == three[1]
    assert session.file(three[1]["id"].upper()).json() == file


def test_one_file_is_read_in_part(session: Session, three: list[Json]) -> None:
    file = as_object(session.file(three[1]["id"], {"$select": "size"}))

    assert {name for name in file if not name.startswith("@")} == {"size"}


def test_the_value_of_a_file_is_its_bytes(session: Session) -> None:
    content = access_file(50)
    file = session.uploaded("access.csv", content)

    answer = session.value(file["id"])

    assert answer.status_code == 200
    assert answer.content == content
    assert not answer.headers["Content-Type"].startswith("application/json")


def test_the_files_of_a_complete_session_stay_readable(session: Session, three: list[Json]) -> None:
    session.completed()

    assert session.files().json()["value"] == three
    assert session.value(three[0]["id"]).status_code == 200


def test_a_file_that_does_not_exist_is_404(session: Session, three: list[Json]) -> None:
    assert_error(session.file(str(uuid4())), 404, "itemNotFound", "itemNotFound")
    assert_error(session.value(str(uuid4())), 404, "itemNotFound", "itemNotFound")


def test_a_file_of_another_session_is_404(session: Session, three: list[Json]) -> None:
    other = session.resource.new_session()

    assert_error(other.file(three[0]["id"]), 404, "itemNotFound", "itemNotFound")
    assert_error(other.value(three[0]["id"]), 404, "itemNotFound", "itemNotFound")


def test_files_of_a_session_that_does_not_exist_are_404(session: Session, three: list[Json]) -> None:
    elsewhere = Resource(session.http).session(session.id)

    for answer in (
        elsewhere.files(),
        elsewhere.count_files(),
        elsewhere.file(three[0]["id"]),
        elsewhere.value(three[0]["id"]),
    ):
        assert_error(answer, 404, "itemNotFound")


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("$expand", "session", "$expand"),
        ("$skiptoken", "made-up", "$skiptoken"),
        ("$search", "a", "$search"),
        ("$top", "-1", "$top"),
        ("$top", "1000", "$top"),
        ("$skip", "-1", "$skip"),
        ("$count", "maybe", "$count"),
        ("$filter", "name gt 'a'", "name"),
        ("$filter", "size eq 'large'", "size"),
        ("$filter", "uploadedDateTime gt 'yesterday'", "uploadedDateTime"),
        ("$filter", "id eq 'x'", "id"),
        ("$filter", "name", "$filter"),
        ("$orderby", "id", "id"),
        ("$select", "sha256", "sha256"),
    ],
)
def test_an_option_that_is_not_supported_is_refused_by_name(
    session: Session, option: str, value: str, named: str
) -> None:
    error = assert_error(session.files({option: value}), 400, "invalidRequest", "invalidQueryOption")

    assert named in f"{error['message']} {error.get('target')}"


@pytest.mark.parametrize("option", ["$orderby", "$top", "$skip", "$count", "$select", "$expand"])
def test_count_takes_no_option_but_filter(session: Session, option: str) -> None:
    assert_error(session.count_files({option: "1"}), 400, "invalidRequest", "invalidQueryOption", option)


@pytest.mark.parametrize("option", ["$filter", "$orderby", "$top", "$skip", "$count", "$expand"])
def test_one_file_takes_no_option_but_select(session: Session, three: list[Json], option: str) -> None:
    answer = session.file(three[0]["id"], {option: "1"})

    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", option)


# DELETE


def test_a_deleted_file_is_gone_and_stats_follow(session: Session, three: list[Json], storage: Storage) -> None:
    before = session.read()

    answer = session.delete_file(three[1]["id"])

    assert (answer.status_code, answer.content) == (204, b"")
    assert session.file_names() == ["a.csv", "c.csv"]
    assert_error(session.file(three[1]["id"]), 404, "itemNotFound", "itemNotFound")
    assert_error(session.value(three[1]["id"]), 404, "itemNotFound", "itemNotFound")
    after = session.read()
    assert after["stats"] == {"filesUploaded": 2, "totalBytesUploaded": three[0]["size"] + three[2]["size"]}
    assert after["@odata.etag"] != before["@odata.etag"]
    assert instant(after["expirationDateTime"]) > instant(before["expirationDateTime"])
    assert storage.orphans(session.resource) == []
    assert storage.violations(session.resource) == []


def test_the_name_and_the_bytes_of_a_deleted_file_can_be_uploaded_again(session: Session, storage: Storage) -> None:
    content = access_file()
    first = session.uploaded("access.csv", content)
    assert session.delete_file(first["id"]).status_code == 204

    second = session.uploaded("access.csv", content)

    assert second["id"] != first["id"]
    assert session.value(second["id"]).content == content
    assert session.read()["stats"] == {"filesUploaded": 1, "totalBytesUploaded": len(content)}
    assert storage.violations(session.resource) == []


def test_a_session_without_its_last_file_is_incomplete(session: Session) -> None:
    assert session.delete_file(session.uploaded("access.csv")["id"]).status_code == 204

    assert_error(session.complete(), 409, "notAllowed", "uploadSessionIncomplete")


def test_a_file_that_does_not_exist_cannot_be_deleted(session: Session, three: list[Json], storage: Storage) -> None:
    other = session.resource.new_session()
    elsewhere = Resource(session.http).session(session.id)

    with storage.unchanged(session.resource):
        assert_error(session.delete_file(str(uuid4())), 404, "itemNotFound", "itemNotFound")
        assert_error(other.delete_file(three[0]["id"]), 404, "itemNotFound", "itemNotFound")
        assert_error(elsewhere.delete_file(three[0]["id"]), 404, "itemNotFound", "uploadSessionNotFound")


def test_a_file_of_a_complete_session_cannot_be_deleted(session: Session, three: list[Json], storage: Storage) -> None:
    session.completed()

    with storage.unchanged(session.resource):
        assert_error(session.delete_file(three[0]["id"]), 409, "notAllowed", "uploadSessionFailed")


def test_a_file_is_deleted_if_the_etag_matches(session: Session, three: list[Json], storage: Storage) -> None:
    outdated = session.get().headers["ETag"]
    session.uploaded("more.csv")

    with storage.unchanged(session.resource):
        answer = session.delete_file(three[0]["id"], {"If-Match": outdated})
        assert_error(answer, 412, "resourceModified", "entityTagDoesNotMatch")
        answer = session.delete_file(three[0]["id"], {"If-Match": "nonsense"})
        assert_error(answer, 400, "invalidRequest", "malformedEntityTag")

    assert session.delete_file(three[0]["id"], {"If-Match": session.get().headers["ETag"]}).status_code == 204


# What each file tells of its content


def test_every_file_resource_tells_what_the_file_holds(session: Session, storage: Storage) -> None:
    content = HEADER + b"ana@contoso.com,user,door-1,=1+1,,\nbo@contoso.com,user,door-1,Door,,\n"
    expected = {
        "@uploads.rowCount": 2,
        "@uploads.layout": "graph",
        "@uploads.sha256": sha256(content).hexdigest(),
        "@uploads.warningCount": 2,
        "@uploads.rows": None,
    }

    uploaded = session.uploaded("access.csv", content)

    assert {name: value for name, value in uploaded.items() if name.startswith("@")} == expected
    completed = session.completed()
    for file in (
        session.files().json()["value"][0],
        session.file(uploaded["id"]).json(),
        session.read({"$expand": "files"})["files"][0],
        session.resource.sessions({"$expand": "files"}).json()["value"][0]["files"][0],
        completed["files"][0],
    ):
        assert {name: file[name] for name in uploaded} == uploaded
    (listed,) = storage.manifest(session)["files"]
    assert (listed["rows"], listed["layout"], listed["warnings"]) == (2, "graph", 2)


@pytest.mark.parametrize("annotation", ["rowCount", "layout", "sha256", "warningCount"])
def test_select_may_name_an_annotation(session: Session, three: list[Json], annotation: str) -> None:
    name = f"@uploads.{annotation}"

    (first, *_) = session.files({"$select": f"name,{name}"}).json()["value"]

    assert first["name"] == "a.csv"
    assert first[name] == three[0][name]
    assert "size" not in first


def test_a_file_that_was_stored_without_its_layout_is_read(session: Session, storage: Storage) -> None:
    """As by versions that did not store the layout."""
    file = session.uploaded("access.csv")
    (row,) = (row for row in storage.rows(session.resource) if row["RowKey"] == f"file:{session.id}:{file['id']}")
    old = {name: value for name, value in row.items() if name != "Layout"}
    storage.sessions.upsert_entity(old, mode=UpdateMode.REPLACE)

    del file["@uploads.layout"]
    assert session.files().json()["value"] == [file]
    session.completed()
    assert storage.manifest(session)["files"][0]["layout"] is None
