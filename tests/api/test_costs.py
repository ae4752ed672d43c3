"""What lists cost: as many calls to storage, and as many rows read, as their answers need, whatever is stored."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from azure.data.tables import TableClient

from bench.scale import expired_sessions, insert, new_resource, rows_with_files, session_rows
from shared.core.ids import new_id, utc_now
from shared.domain.callers import READ_WRITE_ALL, Caller
from shared.domain.etags import Conditions
from shared.domain.lifecycle import new_session
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey, Review, Session, SessionKey, Status
from shared.query.capabilities import SESSION
from shared.query.options import parse_query
from shared.services.context import Context
from shared.services.resources.descriptions import put_resource
from shared.services.resources.visible import list_resources
from shared.services.sessions import listing
from shared.services.sessions.completing import complete_session
from shared.services.sessions.creating import create_session
from shared.services.sessions.expiry import expire_due
from shared.services.sessions.listing import Page, count_sessions, page_of_sessions
from shared.services.sessions.reading import get_snapshot
from shared.services.uploads.receiving import upload
from shared.storage.azure.connections import Names
from shared.storage.indexes.due_sessions import DueSession
from shared.storage.resource_partition.rows import newest_row
from tests.support.access_files import access_file
from tests.support.costs import Costs
from tests.support.in_process import FORM, form_body, own_context
from tests.support.invariants import Storage

pytestmark = pytest.mark.own_host("in the process of the tests")


@pytest.fixture
async def context(storage: Storage) -> AsyncIterator[Context]:
    """The services in this process."""
    async with own_context(storage) as own:
        yield own


Rows = Callable[[Session], Sequence[dict[str, Any]]]


def store(storage: Storage, number: int, rows: Rows = session_rows) -> tuple[ResourceKey, list[Session]]:
    """Sessions of a resource, in the order of their creation."""
    resource = new_resource()
    sessions = list(expired_sessions(resource, number))
    insert(storage.sessions, (row for session in sessions for row in rows(session)))
    return resource, sessions


async def page(context: Context, resource: ResourceKey, **options: object) -> Page:
    """The page that options without their ``$`` select."""
    pairs = [(f"${name}", str(value)) for name, value in options.items()]
    query = parse_query(pairs, capabilities=SESSION, allowed={name for name, _ in pairs})
    return await page_of_sessions(context, resource, query)


async def pages(context: Context, resource: ResourceKey, **options: object) -> list[list[str]]:
    """The ids of the sessions on each page, following the links."""
    found = [await page(context, resource, **options)]
    while token := found[-1].next_token:
        found.append(await page(context, resource, **options, skiptoken=token))
    return [[session.key.session_id for session in each.sessions] for each in found]


NEWEST_FIRST = "createdDateTime desc"

LAST_CATALOG = "ffffffff-0000-4000-8000-000000000000"


@pytest.mark.parametrize("number", [30, 300])
async def test_a_page_costs_the_same_from_both_ends(
    context: Context, storage: Storage, costs: Costs, number: int
) -> None:
    resource, sessions = store(storage, number)
    spent = []
    for options in ({}, {"orderby": NEWEST_FIRST}, {"orderby": NEWEST_FIRST, "skiptoken": sessions[-5].key.session_id}):
        costs.clear()
        found = await page(context, resource, top=20, **options)
        assert len(found.sessions) == 20
        spent.append((len(costs.calls), costs.rows))

    # The newest first are found by an index, whose rows are only their keys.
    assert spent == [(1, 21), (2, 42), (2, 42)]


def _of_an_older_version(session: Session) -> list[dict[str, Any]]:
    return session_rows(session)[:1]


def _gone(session: Session) -> list[dict[str, Any]]:
    return session_rows(session)[1:]


def _deleted(session: Session) -> list[dict[str, Any]]:
    return session_rows(session._replace(status=Status.DELETED))


@pytest.mark.parametrize("top", [1, 2, 3, 7, 40])
@pytest.mark.parametrize(
    "kinds",
    [
        [session_rows],
        [_of_an_older_version],
        [_of_an_older_version] * 9 + [session_rows] * 9,
        [session_rows] * 9 + [_of_an_older_version] * 9,
        [session_rows, _of_an_older_version, _gone, _deleted, session_rows],
    ],
    ids=["indexed", "older version", "upgraded", "downgraded", "mixed"],
)
async def test_the_newest_first_are_all_sessions_whatever_the_index_has(
    context: Context, storage: Storage, kinds: list[Rows], top: int
) -> None:
    kind = {}
    number = iter(range(18))

    def rows(session: Session) -> Sequence[dict[str, Any]]:
        kind[session.key.session_id] = chosen = kinds[next(number) % len(kinds)]
        return chosen(session)

    resource, sessions = store(storage, 18, rows)

    found = await pages(context, resource, top=top, orderby=NEWEST_FIRST)

    shown = [each.key.session_id for each in sessions if kind[each.key.session_id] not in (_gone, _deleted)]
    assert [each for part in found for each in part] == shown[::-1]
    assert all(len(part) == top for part, _ in pairwise(found))


async def test_pages_of_the_newest_stay_valid_while_sessions_come_and_go(context: Context, storage: Storage) -> None:
    resource, sessions = store(storage, 12)
    ids = [session.key.session_id for session in sessions]
    first = await page(context, resource, top=4, orderby=NEWEST_FIRST)
    now = utc_now()
    younger = new_session(SessionKey(resource, new_id(now)), sessions[0].review, now)
    for gone in (sessions[8], sessions[6]):
        for row in session_rows(gone):
            storage.sessions.delete_entity(row)
    insert(storage.sessions, iter(session_rows(younger)))

    rest = await page(context, resource, top=4, orderby=NEWEST_FIRST, skiptoken=first.next_token)

    assert [each.key.session_id for each in first.sessions] == ids[:7:-1]
    assert [each.key.session_id for each in rest.sessions] == [ids[7], ids[5], ids[4], ids[3]]


@pytest.mark.parametrize("order", ["createdDateTime", NEWEST_FIRST])
async def test_a_page_that_matches_little_ends_early_and_the_next_goes_on(
    context: Context, storage: Storage, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, sessions = store(storage, 60)
    monkeypatch.setattr(listing, "MOST_READ", 25)
    wanted = sessions[5] if order == NEWEST_FIRST else sessions[50]
    reference = wanted.review.instance_id

    found = await pages(context, resource, orderby=order, filter=f"referenceId eq '{reference}'")

    assert found == [[], [], [wanted.key.session_id]]


@pytest.mark.parametrize("order", ["createdDateTime", NEWEST_FIRST])
async def test_skipping_ends_early_and_goes_on_where_it_was(
    context: Context, storage: Storage, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, sessions = store(storage, 60)
    ids = [session.key.session_id for session in sessions]
    monkeypatch.setattr(listing, "MOST_READ", 25)

    found = await pages(context, resource, orderby=order, skip=53, top=4)

    assert [len(part) for part in found] == [0, 0, 4, 3]
    assert [each for part in found for each in part] == (ids[::-1] if order == NEWEST_FIRST else ids)[53:]


async def test_a_page_with_files_ends_early(
    context: Context, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, sessions = store(storage, 7, lambda session: rows_with_files(session, 40))
    monkeypatch.setattr(listing, "MOST_FILES", 100)

    found = await pages(context, resource, expand="files")

    ids = [session.key.session_id for session in sessions]
    assert found == [ids[0:2], ids[2:4], ids[4:6], ids[6:]]


async def test_a_session_with_more_files_than_a_page_may_have_is_a_page(
    context: Context, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource, sessions = store(storage, 3, lambda session: rows_with_files(session, 40))
    monkeypatch.setattr(listing, "MOST_FILES", 10)

    found = await pages(context, resource, expand="files")

    assert found == [[session.key.session_id] for session in sessions]


async def test_counting_reads_each_session_once_and_the_page_apart(
    context: Context, storage: Storage, costs: Costs
) -> None:
    resource, _ = store(storage, 40, lambda session: rows_with_files(session, 2))
    costs.clear()

    found = await page(context, resource, count="true", top=5, orderby=NEWEST_FIRST)

    assert found.total == 40
    assert (len(costs.calls), costs.rows) == (3, 40 + 6 + 6)


@pytest.mark.parametrize(("filtered", "expected"), [("active", 0), ("expired", 12)])
async def test_a_count_has_the_current_state(context: Context, storage: Storage, filtered: str, expected: int) -> None:
    """One that is stored as active is over by its time."""
    resource, _ = store(storage, 12, lambda session: session_rows(session._replace(status=Status.ACTIVE)))
    query = parse_query([("$filter", f"status eq '{filtered}'")], capabilities=SESSION, allowed={"$filter"})

    assert await count_sessions(context, resource, query) == expected


def test_the_index_sorts_the_other_way() -> None:
    ids = [session.key.session_id for session in expired_sessions(new_resource(), 50)]

    assert sorted(ids, key=newest_row) == sorted(ids, reverse=True)


async def _spent_with(storage: Storage, costs: Costs, others: int) -> dict[str, tuple[int, int]]:
    """Calls and rows of each operation in a deployment with so many other sessions, of the resource and of others."""
    prefix = f"own{uuid4().hex[:8]}"
    spent = {}
    async with own_context(storage, name_prefix=prefix) as context:
        resource, stored = new_resource(), context.storage
        # The first calls create the tables.
        kept = await create_session(context, new_resource(), Review(str(uuid4()), str(uuid4())))
        for _ in range(4):
            await put_resource(context, new_resource(), ResourceDescription("Doors"), Conditions())
        with TableClient.from_connection_string(storage.connection_string, Names.prefixed(prefix).sessions) as sessions:
            for each in [resource, *(new_resource() for _ in range(others // 100))]:
                ended = list(expired_sessions(each, others))
                insert(sessions, (row for session in ended for row in session_rows(session)))
        for session in ended[:50]:
            await stored.due_expiries.put(DueSession(utc_now() + timedelta(hours=3), session.key))
        for _ in range(others // 20):
            await put_resource(context, ResourceKey(LAST_CATALOG, str(uuid4())), ResourceDescription("x"), Conditions())
        reader = Caller(str(uuid4()), str(uuid4()), str(uuid4()), frozenset({READ_WRITE_ALL}))
        created = await create_session(context, resource, Review(str(uuid4()), str(uuid4())))
        operations: dict[str, Callable[[], Awaitable[object]]] = {
            "create": lambda: create_session(context, new_resource(), Review(str(uuid4()), str(uuid4()))),
            "create, too": lambda: create_session(context, kept.key.resource, Review(str(uuid4()), str(uuid4()))),
            "get": lambda: get_snapshot(context, created.key),
            "upload": lambda: upload(context, created.key, form_body(access_file(), "a.csv"), FORM, Conditions()),
            "update": lambda: complete_session(
                context, created.key, Conditions(), allow_incomplete=False, allow_change=False
            ),
            "newest": lambda: page(context, resource, top=1, orderby=NEWEST_FIRST),
            "tick": lambda: expire_due(context),
            "resources": lambda: list_resources(context, reader, after=None, size=2),
        }
        for name, operation in operations.items():
            costs.clear()
            await operation()
            spent[name] = len(costs.calls), costs.rows
    return spent


async def test_every_operation_costs_the_same_whatever_else_is_stored(storage: Storage, costs: Costs) -> None:
    few, many = await _spent_with(storage, costs, 1), await _spent_with(storage, costs, 200)

    assert many == few
