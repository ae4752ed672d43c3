"""GET the collection, its query options, its pages, and its `$count`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from shared.core.settings import Settings
from shared.domain.sessions import ResourceKey, StoredFile
from shared.query.capabilities import SESSION
from shared.query.options import parse_query
from shared.services.context import Context
from shared.services.sessions.listing import page_of_sessions
from shared.services.sessions.reading import get_snapshots
from shared.storage.account import Storage as OwnStorage
from shared.storage.resource_partition.rows import file_of
from tests.support.client import Json, Resource, Session, as_object, assert_error, create_body
from tests.support.invariants import Storage


@pytest.fixture
def three(resource: Resource) -> list[Session]:
    """Three sessions in the order of their creation: active with a file, complete, active and empty."""
    first, second, third = (resource.new_session() for _ in range(3))
    first.uploaded("first.csv")
    second.uploaded("second.csv")
    second.completed()
    return [first, second, third]


def _ids(sessions: list[Session], *numbers: int) -> list[str]:
    return [sessions[number].id for number in numbers]


def test_a_resource_without_sessions_lists_none(resource: Resource) -> None:
    answer = resource.sessions()

    assert answer.status_code == 200
    assert answer.json() == {"@odata.context": resource.context, "value": []}


def test_a_list_has_the_same_json_as_get(resource: Resource, three: list[Session]) -> None:
    listed = as_object(resource.sessions())

    expected = [session.read() for session in three]
    for session in expected:
        del session["@odata.context"]
    assert listed == {"@odata.context": resource.context, "value": expected}


def test_a_list_has_the_sessions_of_its_resource_only(resource: Resource, three: list[Session]) -> None:
    neighbour = Resource(resource.http, catalog_id=resource.catalog_id).new_session()

    assert neighbour.id not in resource.ids()
    assert neighbour.resource.ids() == [neighbour.id]


def test_a_deleted_session_is_not_listed(resource: Resource, three: list[Session]) -> None:
    assert three[0].delete().status_code == 204

    assert resource.ids() == _ids(three, 1, 2)


@pytest.mark.parametrize(
    ("orderby", "order"),
    [
        (None, [0, 1, 2]),
        ("createdDateTime", [0, 1, 2]),
        ("createdDateTime asc", [0, 1, 2]),
        ("createdDateTime desc", [2, 1, 0]),
    ],
)
def test_sessions_are_ordered_by_creation(
    resource: Resource, three: list[Session], orderby: str | None, order: list[int]
) -> None:
    assert resource.ids({"$orderby": orderby} if orderby else None) == _ids(three, *order)


@pytest.mark.parametrize(
    ("filter_", "numbers"),
    [
        ("status eq 'active'", [0, 2]),
        ("status eq 'complete'", [1]),
        ("status eq 'expired'", []),
        ("status eq 'active' or status eq 'complete'", [0, 1, 2]),
        ("status eq 'active' and status eq 'complete'", []),
        ("referenceId eq '{0}'", [0]),
        ("referenceId eq '{0}' or referenceId eq '{1}'", [0, 1]),
        ("referenceId eq '{1}' and status eq 'active'", []),
        ("referenceId eq '{1}' and status eq 'complete'", [1]),
        ("(referenceId eq '{0}' or referenceId eq '{1}') and status eq 'active'", [0]),
        ("referenceId eq '{0}' or referenceId eq '{1}' and status eq 'active'", [0]),
        ("referenceId eq '00000000-0000-0000-0000-000000000000'", []),
    ],
)
def test_sessions_are_filtered_by_status_and_reference(
    resource: Resource, three: list[Session], filter_: str, numbers: list[int]
) -> None:
    references = [session.read()["referenceId"] for session in three]

    filtered = filter_.format(*references)

    assert resource.ids({"$filter": filtered}) == _ids(three, *numbers)
    assert resource.count({"$filter": filtered}).text == str(len(numbers))


def test_references_are_case_insensitive(resource: Resource) -> None:
    reference = str(uuid4())
    session = resource.new_session(reference.upper())

    assert resource.ids({"$filter": f"referenceId eq '{reference}'"}) == [session.id]
    assert resource.ids({"$filter": f"referenceId eq '{reference.upper()}'"}) == [session.id]


def test_files_are_included_only_if_expanded(resource: Resource, three: list[Session]) -> None:
    assert not any("files" in session for session in resource.sessions().json()["value"])

    expanded = resource.sessions({"$expand": "files"}).json()["value"]

    assert [[file["name"] for file in session["files"]] for session in expanded] == [["first.csv"], ["second.csv"], []]


def test_expanded_files_are_filtered_in_lists_too(resource: Resource, three: list[Session]) -> None:
    expanded = resource.sessions({"$expand": "files($filter=name eq 'first.csv')"}).json()["value"]

    assert [[file["name"] for file in session["files"]] for session in expanded] == [["first.csv"], [], []]


def test_select_omits_other_properties(resource: Resource, three: list[Session]) -> None:
    sessions = resource.sessions({"$select": "id,stats"}).json()["value"]

    assert [{name for name in session if not name.startswith("@")} for session in sessions] == [{"id", "stats"}] * 3


def test_count_includes_all_matches_on_every_page(resource: Resource, three: list[Session]) -> None:
    assert resource.sessions({"$count": "true"}).json()["@odata.count"] == 3
    assert resource.sessions({"$count": "true", "$top": "1"}).json()["@odata.count"] == 3
    assert resource.sessions({"$count": "true", "$skip": "2"}).json()["@odata.count"] == 3
    assert resource.sessions({"$count": "true", "$filter": "status eq 'active'"}).json()["@odata.count"] == 2


def test_count_is_included_only_if_requested(resource: Resource, three: list[Session]) -> None:
    assert "@odata.count" not in resource.sessions().json()
    assert "@odata.count" not in resource.sessions({"$count": "false"}).json()


def test_skip_omits_the_first_sessions(resource: Resource, three: list[Session]) -> None:
    assert resource.ids({"$skip": "0"}) == _ids(three, 0, 1, 2)
    assert resource.ids({"$skip": "2"}) == _ids(three, 2)
    assert resource.ids({"$skip": "3"}) == []


def _pages(resource: Resource, params: dict[str, str]) -> list[Json]:
    pages = [as_object(resource.sessions(params))]
    while link := pages[-1].get("@odata.nextLink"):
        answer = resource.http.get(link)
        assert answer.status_code == 200, answer.text
        pages.append(as_object(answer))
    return pages


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        ({"$top": "1"}, [[0], [1], [2]]),
        ({"$top": "2"}, [[0, 1], [2]]),
        ({"$top": "3"}, [[0, 1, 2]]),
        ({"$top": "999"}, [[0, 1, 2]]),
        ({"$top": "2", "$orderby": "createdDateTime desc"}, [[2, 1], [0]]),
        ({"$top": "1", "$filter": "status eq 'active'"}, [[0], [2]]),
        ({"$top": "1", "$skip": "1"}, [[1], [2]]),
        ({"$top": "1", "$skip": "1", "$orderby": "createdDateTime desc"}, [[1], [0]]),
        ({"$top": "2", "$skip": "1"}, [[1, 2]]),
    ],
)
def test_next_links_lead_through_all_pages_and_end(
    resource: Resource, three: list[Session], options: dict[str, str], pages: list[list[int]]
) -> None:
    answered = [[session["id"] for session in page["value"]] for page in _pages(resource, options)]

    assert answered == [_ids(three, *numbers) for numbers in pages]


def test_a_next_link_is_absolute_and_repeats_every_option(resource: Resource, three: list[Session]) -> None:
    options = {
        "$top": "1",
        "$filter": "status eq 'active'",
        "$orderby": "createdDateTime desc",
        "$count": "true",
        "$select": "id,status",
        "$expand": "files($orderby=uploadedDateTime desc)",
    }

    first, second = _pages(resource, options)

    link = str(first["@odata.nextLink"])
    assert link.startswith(f"{str(resource.http.base_url).rstrip('/')}{resource.path}?")
    repeated = parse_qs(urlsplit(link).query)
    assert repeated.pop("$skiptoken")
    assert repeated == {name: [value] for name, value in options.items()}
    assert first["@odata.count"] == second["@odata.count"] == 2
    (session,) = second["value"]
    assert {name for name in session if not name.startswith("@")} == {"id", "status", "files"}


def test_pages_are_stable_while_sessions_are_created_and_deleted(resource: Resource, three: list[Session]) -> None:
    first = as_object(resource.sessions({"$top": "2"}))
    assert three[0].delete().status_code == 204
    fourth = resource.new_session()

    rest = resource.http.get(first["@odata.nextLink"]).json()

    assert [session["id"] for session in rest["value"]] == [three[2].id, fourth.id]


def test_a_page_has_a_hundred_sessions_by_default(resource: Resource) -> None:
    ids = [resource.new_session().id for _ in range(101)]

    first, second = _pages(resource, {})

    assert [session["id"] for session in first["value"]] == ids[:100]
    assert [session["id"] for session in second["value"]] == ids[100:]


def test_the_count_of_sessions_has_digits_only(resource: Resource, three: list[Session]) -> None:
    answer = resource.count()

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text == "3"


def test_the_count_without_sessions_is_zero(resource: Resource) -> None:
    assert resource.count().text == "0"


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("$top", "-1", "$top"),
        ("$top", "0", "$top"),
        ("$top", "1000", "$top"),
        ("$top", "many", "$top"),
        ("$top", "1.5", "$top"),
        ("$top", "", "$top"),
        ("$skip", "-1", "$skip"),
        ("$skip", "some", "$skip"),
        ("$count", "yes", "$count"),
        ("$filter", "", "$filter"),
        ("$filter", "status", "$filter"),
        ("$filter", "status eq", "$filter"),
        ("$filter", "status eq 'active' and", "$filter"),
        ("$filter", "(status eq 'active'", "$filter"),
        ("$filter", "status ne 'active'", "status"),
        ("$filter", "status gt 'active'", "status"),
        ("$filter", "status eq 'finished'", "status"),
        ("$filter", "status eq 5", "status"),
        ("$filter", "source eq 'BuildingAccessData'", "source"),
        ("$filter", "createdDateTime gt 2026-01-01T00:00:00Z", "createdDateTime"),
        ("$filter", "startswith(referenceId,'a')", "$filter"),
        ("$filter", "not status eq 'active'", "$filter"),
        ("$orderby", "status", "status"),
        ("$orderby", "createdDateTime sideways", "$orderby"),
        ("$orderby", "createdDateTime,id", "$orderby"),
        ("$orderby", "", "$orderby"),
        ("$select", "colour", "colour"),
        ("$expand", "owners", "owners"),
        ("$expand", "files($filter=colour eq 'blue')", "colour"),
        ("$search", "access", "$search"),
        ("$apply", "aggregate($count as n)", "$apply"),
        ("$skiptoken", "made-up", "$skiptoken"),
        ("$skiptoken", "", "$skiptoken"),
        ("$colour", "blue", "$colour"),
    ],
)
def test_an_option_that_is_not_supported_is_refused_by_name(
    resource: Resource, option: str, value: str, named: str
) -> None:
    error = assert_error(resource.sessions({option: value}), 400, "invalidRequest", "invalidQueryOption")

    assert named in f"{error['message']} {error.get('target')}"


@pytest.mark.parametrize("option", ["$orderby", "$top", "$skip", "$count", "$select", "$expand", "$skiptoken"])
def test_count_supports_filter_only(resource: Resource, option: str) -> None:
    assert_error(resource.count({option: "1"}), 400, "invalidRequest", "invalidQueryOption", option)


def test_an_option_given_twice_is_refused(resource: Resource) -> None:
    answer = resource.http.get(f"{resource.path}?$top=1&$top=2")

    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", "$top")


def test_custom_options_are_ignored(resource: Resource, three: list[Session]) -> None:
    assert resource.ids({"topmost": "1", "filters": "nonsense", "colour": "blue"}) == _ids(three, 0, 1, 2)


def test_the_dollar_sign_of_an_option_is_optional_and_a_next_link_repeats_it_as_it_was_sent(
    resource: Resource, three: list[Session]
) -> None:
    first, second = _pages(resource, {"orderby": "createdDateTime desc", "Top": "2", "colour": "blue"})

    assert [each["id"] for page in (first, second) for each in page["value"]] == _ids(three, 2, 1, 0)
    repeated = parse_qs(urlsplit(str(first["@odata.nextLink"])).query)
    assert repeated.keys() == {"orderby", "Top", "colour", "$skiptoken"}


@pytest.mark.parametrize("query", ["=status%20eq%20%27active%27", "&=5&x=y", "%2524top=1", "$expand=files(=5)"])
def test_an_option_whose_dollar_sign_was_lost_on_the_way_is_refused_with_a_hint(resource: Resource, query: str) -> None:
    error = assert_error(resource.http.get(f"{resource.path}?{query}"), 400, "invalidRequest", "invalidQueryOption")

    assert "single quotes" in error["message"]


def test_a_reused_reference_finds_its_new_session(resource: Resource) -> None:
    reference = str(uuid4())
    first = resource.session(resource.create(create_body(reference)).json()["id"])
    assert first.delete().status_code == 204
    second = resource.new_session(reference)

    assert resource.ids({"$filter": f"referenceId eq '{reference}'"}) == [second.id]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_only_the_files_of_matching_sessions_are_read(
    resource: Resource, storage: Storage, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = [resource.new_session() for _ in range(6)]
    for number in (0, 1, 2, 4, 5):
        sessions[number].uploaded("a.csv")
    references = [sessions[number].read()["referenceId"] for number in (0, 3, 4, 5)]
    filtered = " or ".join(f"referenceId eq {reference}" for reference in references)
    own = OwnStorage.connect(Settings().model_copy(update={"storage": storage.connection_string}))
    read = []

    def counted(row: Mapping[str, Any]) -> StoredFile:
        read.append(file_of(row))
        return read[-1]

    monkeypatch.setattr("shared.storage.resource_partition.sessions.file_of", counted)
    options = [("$filter", filtered), ("$orderby", f"createdDateTime {order}"), ("$expand", "files")]
    query = parse_query(options, capabilities=SESSION, allowed={name for name, _ in options})
    key = ResourceKey(resource.catalog_id, resource.resource_id)
    context = Context(own, Settings())
    try:
        page = await page_of_sessions(context, key, query)
        found = await get_snapshots(context, key, page.sessions, page.file_ranges)
    finally:
        await own.close()

    assert sorted(each.session.key.session_id for each in found if each.files) == sorted(_ids(sessions, 0, 4, 5))
    assert len(read) == 3
    assert len(page.file_ranges) == 2, "sessions 4 and 5 are adjacent"
    assert [len(session["files"]) for session in resource.sessions(dict(options)).json()["value"]] in (
        [1, 0, 1, 1],
        [1, 1, 0, 1],
    )
