"""A table: slow queries, several pages, formats of other versions, and the shape of queries."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import pytest
from aiohttp import web
from azure.core.exceptions import ServiceResponseTimeoutError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from shared.core.errors import GraphError
from shared.core.ids import utc_now
from shared.core.settings import Settings
from shared.domain.audit import SERVICE, Activity, new_record, subject_of
from shared.domain.callers import Caller, Grant, GrantKey, Right, Role
from shared.domain.sessions import ResourceKey, SessionKey
from shared.storage import account
from shared.storage.azure import table
from shared.storage.azure.connections import Names
from shared.storage.indexes.due_sessions import DueSession
from tests.support.invariants import Storage

KEY = SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4()))
SLOW_SECONDS = 5.1
NEXT = {"x-ms-continuation-NextPartitionKey": "p", "x-ms-continuation-NextRowKey": "r"}
Answer = Callable[[web.Request], Awaitable[web.Response]]


def _page(*names: str, last: bool) -> web.Response:
    rows = [
        {
            "PartitionKey": "p",
            "RowKey": f"file:{KEY.session_id}:{uuid4()}",
            "Name": name,
            "Sha256": "",
            **{f"{column}@odata.type": "Edm.Int64" for column in ("Size", "Rows", "Warnings")},
            **dict.fromkeys(("Size", "Rows", "Warnings"), "1"),
            "Uploaded@odata.type": "Edm.DateTime",
            "Uploaded": "2026-11-01T00:00:00Z",
        }
        for name in names
    ]
    return web.Response(text=json.dumps({"value": rows}), content_type="application/json", headers={} if last else NEXT)


@asynccontextmanager
async def _table_storage(answer: Answer) -> AsyncIterator[account.Storage]:
    """Storage clients on a server that answers as Table Storage would, in the way that a test says."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = "http://127.0.0.1:{}/own".format(*runner.addresses[0][1:2])
    connection = f"AccountName=own;AccountKey=a2V5;TableEndpoint={url};BlobEndpoint={url}"
    store = account.Storage.connect(Settings().model_copy(update={"storage": connection}))
    try:
        yield store
    finally:
        await store.close()
        await runner.cleanup()


async def test_a_query_that_storage_cuts_off_after_five_seconds_is_continued() -> None:
    async def answer(request: web.Request) -> web.Response:
        if "NextRowKey" in request.query:
            return _page("second.csv", last=True)
        await asyncio.sleep(SLOW_SECONDS)
        return _page("first.csv", last=False)

    async with _table_storage(answer) as store:
        files = await store.sessions.files(KEY)

    assert [file.name for file in files] == ["first.csv", "second.csv"]


@pytest.mark.parametrize("silent", [True, False], ids=["no answer", "empty pages without end"])
async def test_a_query_takes_a_bounded_time(monkeypatch: pytest.MonkeyPatch, silent: bool) -> None:
    monkeypatch.setattr(table, "PAGE_SECONDS", 1)
    monkeypatch.setattr(table, "QUERY_SECONDS", 2)

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(60 if silent else 0.1)
        return _page(last=False)

    began = time.monotonic()
    async with _table_storage(answer) as store:
        with pytest.raises(ServiceResponseTimeoutError) as caught:
            await store.sessions.files(KEY)

    assert time.monotonic() - began < 5
    assert isinstance(caught.value, table.QueryTooLongError) is not silent


async def test_the_role_of_a_caller_takes_two_range_queries_at_once_over_grants_only() -> None:
    filters: list[str] = []
    both = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        filters.append(unquote(parse_qs(urlsplit(str(request.url)).query)["$filter"][0]))
        if len(filters) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 2)
        return _page(last=True)

    async with _table_storage(answer) as store:
        caller = Caller(str(uuid4()), str(uuid4()), str(uuid4()), frozenset())
        assert await store.grants.right(KEY.resource, caller, enough=Right.READ) is None

    catalog, resource, own = KEY.resource.catalog_id, KEY.resource.resource_id, caller.object_id
    assert sorted(filters) == [
        f"PartitionKey eq '{catalog}' and RowKey ge '{place}:{own}' and RowKey le '{place}:{own}'"
        for place in ("catalog", f"resource:{resource}")
    ]


async def test_a_row_of_a_newer_format_is_refused_and_one_without_a_version_is_read(storage: Storage) -> None:
    row = {"PartitionKey": str(uuid4()), "RowKey": "a"}
    async with _azurite(storage) as store:
        rows = store.sessions._sessions
        storage.sessions.create_entity(row)
        assert await rows.get(row["PartitionKey"], "a") is not None
        await rows.upsert(row | {"Name": "x"})
        assert storage.sessions.get_entity(row["PartitionKey"], "a")[table.VERSION] == 1

        storage.sessions.upsert_entity(row | {table.VERSION: table.FORMAT_VERSION + 1})

        with pytest.raises(GraphError) as caught:
            await rows.get(row["PartitionKey"], "a")
        assert (caught.value.problem.status, caught.value.problem.inner_code) == (503, "newerDataFormat")
        with pytest.raises(table.NewerFormatError):
            [_ async for _ in rows.query("PartitionKey eq @p", {"p": row["PartitionKey"]}, select=["RowKey"])]


@asynccontextmanager
async def _azurite(storage: Storage) -> AsyncIterator[account.Storage]:
    store = account.Storage.connect(Settings().model_copy(update={"storage": storage.connection_string}))
    try:
        yield store
    finally:
        await store.close()


async def test_what_is_missing_in_an_account_is_created_by_the_call_that_needs_it(storage: Storage) -> None:
    prefix = f"own{uuid4().hex[:8]}"
    options = {"storage": storage.connection_string, "name_prefix": prefix, "events_url": "https://events.contoso.com"}
    store = account.Storage.connect(Settings().model_copy(update=options))
    due, record = DueSession(utc_now(), KEY), new_record(Activity.CREATE_SESSION, KEY, SERVICE)
    grant = Grant(GrantKey(KEY.resource.catalog_id, None, str(uuid4())), Role.OWNER)
    try:
        assert await store.sessions.session(KEY) is None
        await asyncio.gather(store.due_expiries.put(due), store.due_expiries.remove(due), store.due_deliveries.put(due))
        await store.callers.put(str(uuid4()), KEY)
        await store.grants.put(grant, record._replace(subject=subject_of(grant.key)), replaced=None)
        await store.access.put(grant.key.principal_id, grant.key.catalog_id, None)
        await asyncio.gather(store.blobs.put_manifest(KEY, b"{}"), store.queue.wake(KEY))
    finally:
        await store.close()

    with TableServiceClient.from_connection_string(storage.connection_string) as tables:
        made = {table.name for table in tables.list_tables() if table.name.startswith(prefix)}
    names = Names.prefixed(prefix)
    assert made == set(names.tables)
    with BlobServiceClient.from_connection_string(storage.connection_string) as blobs:
        assert [each.name for each in blobs.list_containers(prefix)] == [names.uploads]
    with QueueServiceClient.from_connection_string(storage.connection_string) as queues:
        assert [each.name for each in queues.list_queues(prefix)] == [names.deliveries]
