"""The files of a session: list, one file, its bytes, and `$count`."""

from uuid import uuid4

import pytest

from tests.support.access_files import access_file
from tests.support.client import Json, Resource, Session, as_object, assert_error


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
