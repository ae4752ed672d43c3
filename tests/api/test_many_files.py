"""A session with more files than a page: wherever its files are, the answer says where the others are."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from bench.scale import insert, rows_with_files
from shared.core.ids import new_id
from shared.domain.lifecycle import new_session
from shared.domain.sessions import ResourceKey, Review, SessionKey
from shared.storage.resource_partition.rows import reference_entity
from tests.support.client import ALL_PATHS, Json, Paths, Resource, Session, as_object
from tests.support.invariants import Storage

NUMBER = 203


@pytest.fixture
def many(resource: Resource, storage: Storage) -> Session:
    """An active session with more files than two pages."""
    now = datetime.now(UTC)
    key = SessionKey(ResourceKey(resource.catalog_id, resource.resource_id), new_id(now))
    session = new_session(key, Review(str(uuid4()), str(uuid4())), now)
    insert(storage.sessions, iter([*rows_with_files(session, NUMBER), reference_entity(session)]))
    return resource.session(key.session_id)


def all_files(http: httpx.Client, body: Json, pages: list[int]) -> list[Json]:
    """The files of a session in an answer, and of the pages that it leads to, whose sizes are ``pages``."""
    parts, link = [body["files"]], body.get("files@odata.nextLink")
    while link:
        page = as_object(http.get(link))
        parts.append(page["value"])
        link = page.get("@odata.nextLink")
    assert [len(part) for part in parts] == pages
    return [file for part in parts for file in part]


ANSWERS: dict[str, Callable[[Session], Json]] = {
    "get": lambda session: session.read({"$expand": "files"}),
    "list": lambda session: session.resource.sessions({"$expand": "files"}).json()["value"][0],
    "update": lambda session: session.completed(),
}


@pytest.mark.parametrize("answered", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_leads_to_all_files_of_its_session(many: Session, answered: Callable[[Session], Json]) -> None:
    body = answered(many)

    files = all_files(many.http, body, [100, 100, 3])
    assert len({file["id"] for file in files}) == body["stats"]["filesUploaded"] == NUMBER
    assert sum(file["size"] for file in files) == body["stats"]["totalBytesUploaded"]


@pytest.mark.parametrize("paths", ALL_PATHS, ids=lambda paths: paths.name)
def test_the_other_files_are_those_that_the_options_select(many: Session, paths: Paths) -> None:
    session = many.through(paths)
    options = "files($filter=name ne '7.csv';$orderby=name desc;$select=name;$top=90;$skip=20;$count=true)"

    body = session.read({"$expand": options})

    link = body["files@odata.nextLink"]
    assert link.startswith(f"{str(many.http.base_url).rstrip('/')}{session.path}/files?")
    names = sorted((f"{number}.csv" for number in range(NUMBER) if number != 7), reverse=True)
    files = all_files(many.http, body, [90, 90, 2])
    assert [{name: file[name] for name in file if "@" not in name} for file in files] == [
        {"name": name} for name in names[20:]
    ]
    assert body["files@odata.count"] == as_object(many.http.get(link))["@odata.count"] == NUMBER - 1


@pytest.mark.parametrize(("options", "there"), [("$top=203", False), ("$top=202", True), ("$skip=103", False)])
def test_the_link_is_there_only_if_files_are_left(many: Session, options: str, there: bool) -> None:
    assert ("files@odata.nextLink" in many.read({"$expand": f"files({options})"})) is there
