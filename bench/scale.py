"""What requests cost by what is stored: ``python -m bench.scale [ROW ...] [--sessions N] [--resources N]``.

Rows are stored directly, in bulk, as the service would have left them. Then each request is sent on one connection; the
table has the median time of an answer, and the processor time of the service's process for each. How many calls to
storage a request makes is a test: ``tests/api/test_costs.py``.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import uuid4

from azure.data.tables import TableClient, TableServiceClient

from bench.processes import running_service
from bench.wire import Connection, Headers, bearer, form_request, request
from local.azurite import azurite
from local.issuer import mint
from local.service import Service
from shared.core.ids import new_id, utc_now
from shared.domain.callers import READ_WRITE_ALL
from shared.domain.lifecycle import new_session
from shared.domain.sessions import ResourceKey, Review, Session, SessionKey, Status, StoredFile, mark_of
from shared.storage.azure.connections import Names
from shared.storage.indexes.access import TENANT
from shared.storage.resource_partition.rows import create_session, file_entity, reference_entity

_V1 = "/v1.0/identityGovernance/entitlementManagement/catalogs/{}/resources/{}/uploadSessions"
_CSV = b"principalId,principalType,permissionId,permissionName,permissionDescription,permissionType\r\n"
_TRANSACTION = 100
_TIMES = 50
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")

Row = dict[str, Any]


class Cost(NamedTuple):
    """What one request costs: milliseconds until its answer, and of the service's processor; bytes of the answer."""

    request: str
    milliseconds: float
    cpu_milliseconds: float
    answer_bytes: int


class World:
    """A running service, and the tables that it uses."""

    def __init__(self, tables: TableServiceClient, service: Service, issuer: Path) -> None:
        self._tables = tables
        self._service = service
        self._host = urlsplit(service.url).netloc
        self._issuer = issuer
        self.administrator = self.caller(roles=[READ_WRITE_ALL])

    def table(self, name: str) -> TableClient:
        return self._tables.create_table_if_not_exists(name)

    def caller(self, **claims: Any) -> Headers:
        return bearer(mint(self._issuer, **claims))

    async def cost(self, name: str, path: str, caller: Headers | None = None, *, times: int = _TIMES) -> Cost:
        """The cost of GET, by a caller who may do everything unless another is given."""
        sent = request("GET", self._host, quote(path, safe="/?&=$,;()"), caller or self.administrator)
        return await self._measured(name, lambda: sent, 200, times)

    async def cost_of_each(
        self, name: str, next_request: Callable[[], bytes], status: int, *, times: int = _TIMES
    ) -> Cost:
        """The cost of requests that differ."""
        return await self._measured(name, next_request, status, times)

    def post(self, path: str, body: bytes) -> bytes:
        return request("POST", self._host, path, self.administrator, body)

    def form(self, path: str, content: bytes) -> bytes:
        head, tail = form_request(self._host, path, len(content), headers=self.administrator)
        return head + content + tail

    async def _measured(self, name: str, next_request: Callable[[], bytes], status: int, times: int) -> Cost:
        # The service closes a connection that was idle while rows were stored.
        async with Connection(self._service.url) as connection:
            await connection.send(next_request(), status=status)
            seconds, began, answer = [], self._cpu_seconds(), b""
            for _ in range(times):
                sent, started = next_request(), time.perf_counter()
                answer = await connection.send(sent, status=status)
                seconds.append(time.perf_counter() - started)
        return Cost(name, median(seconds) * 1000, (self._cpu_seconds() - began) / times * 1000, len(answer))

    def _cpu_seconds(self) -> float:
        """The processor time of the service's process so far (proc(5), utime and stime)."""
        fields = Path(f"/proc/{self._service.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def new_resource() -> ResourceKey:
    return ResourceKey(str(uuid4()), str(uuid4()))


def sessions_path(resource: ResourceKey) -> str:
    return _V1.format(*resource)


def expired_sessions(resource: ResourceKey, number: int) -> Iterator[Session]:
    """Sessions that ended long ago, a second apart."""
    begin = utc_now() - timedelta(days=30)
    for index in range(number):
        at = begin + timedelta(seconds=index)
        session = new_session(SessionKey(resource, new_id(at)), Review(str(uuid4()), str(uuid4())), at)
        yield session._replace(status=Status.EXPIRED)


def session_rows(session: Session) -> list[Row]:
    return [entity for _, entity, _ in create_session(session)]


def rows_with_files(session: Session, number: int) -> list[Row]:
    """The rows of a session with so many files; their blobs are missing."""
    at = session.created
    files = [StoredFile(new_id(at), f"{index}.csv", 1000, "0" * 64, 10, "graph", 0, at) for index in range(number)]
    mark = mark_of(file.id for file in files)
    session = session._replace(files_uploaded=number, total_bytes=1000 * number, files_mark=mark)
    return [*session_rows(session), *(file_entity(session.key, file) for file in files)]


def insert(table: TableClient, rows: Iterator[Row]) -> int:
    """Insert rows of one partition; returns their number."""
    number, batch = 0, []
    for row in rows:
        batch.append(("upsert", row))
        if len(batch) == _TRANSACTION:
            table.submit_transaction(batch)
            number, batch = number + len(batch), []
    if batch:
        table.submit_transaction(batch)
    return number + len(batch)


async def lists(world: World, sessions: int) -> AsyncIterator[Cost]:
    """Lists of one resource that has many sessions."""
    resource = new_resource()
    stored = list(expired_sessions(resource, sessions))
    insert(world.table(Names.prefixed("").sessions), (row for each in stored for row in session_rows(each)))
    path = sessions_path(resource)
    yield await world.cost("oldest first, 20", f"{path}?$orderby=createdDateTime&$top=20")
    yield await world.cost("newest first, 20", f"{path}?$orderby=createdDateTime desc&$top=20")
    for option in (f"$skip={sessions - 20}&$top=20", "$count=true&$top=20"):
        yield await world.cost(option, f"{path}?{option}", times=5)
    yield await world.cost("/$count", f"{path}/$count", times=5)
    reference = stored[sessions // 2].review.instance_id
    yield await world.cost("$filter by reference", f"{path}?$filter=referenceId eq '{reference}'", times=5)


async def expand(world: World, sessions: int) -> AsyncIterator[Cost]:
    """A page of sessions with all files of each."""
    resource = new_resource()
    table = world.table(Names.prefixed("").sessions)
    for session in expired_sessions(resource, sessions):
        insert(table, iter(rows_with_files(session, 100)))
    path = sessions_path(resource)
    yield await world.cost("$top=999&$expand=files", f"{path}?$top=999&$expand=files", times=1)


async def grants(world: World, number: int) -> AsyncIterator[Cost]:
    """GET of one session by an app owner, and by a stranger, with one grant in the catalog, and with many."""
    for others in (0, number):
        resource, owner, group = new_resource(), str(uuid4()), str(uuid4())
        table = world.table(Names.prefixed("").grants)
        catalog = {"PartitionKey": resource.catalog_id}
        of_owner = f"resource:{resource.resource_id}:{owner}"
        keys = [of_owner, *(f"catalog:{uuid4()}" for _ in range(others))]
        insert(table, (catalog | {"RowKey": key, "Role": "owner"} for key in keys))
        (session,) = expired_sessions(resource, 1)
        insert(world.table(Names.prefixed("").sessions), iter(session_rows(session)))
        path = f"{sessions_path(resource)}/{session.key.session_id}"
        stored = f"{len(keys):,} grant{'s' * (len(keys) > 1)}"
        yield await world.cost(f"GET by an owner, {stored}", path, world.caller(oid=owner))
        yield await world.cost(f"GET by an owner in 1 group, {stored}", path, world.caller(oid=owner, groups=[group]))


async def revoked(world: World, number: int) -> AsyncIterator[Cost]:
    """The resources of a caller with one grant, many others of whom were revoked."""
    for others in (0, number):
        resource, owner = new_resource(), str(uuid4())
        row = {"PartitionKey": resource.catalog_id, "RowKey": f"resource:{resource.resource_id}:{owner}"}
        insert(world.table(Names.prefixed("").grants), iter([row | {"Role": "owner"}]))
        keys = ["{}_{}".format(*resource), *("{}_{}".format(*new_resource()) for _ in range(others))]
        insert(world.table(Names.prefixed("").access), ({"PartitionKey": owner, "RowKey": key} for key in keys))
        path = "/v1.0/uploads/resources?$top=1"
        for when in ("first", "then"):
            name = f"resources, {others:,} revoked, {when}"
            yield await world.cost(name, path, world.caller(oid=owner), times=3 if others else _TIMES)


async def scale(world: World, sessions: int, resources: int) -> AsyncIterator[Cost]:
    """Every common operation, with as many sessions stored in as many resources, each of which has a name."""
    names = Names.prefixed("")
    table, index, descriptions = world.table(names.sessions), world.table(names.access), world.table(names.grants)
    began, stored, keys = time.monotonic(), 0, [new_resource() for _ in range(resources)]
    for key in keys:
        rows = (row for each in expired_sessions(key, sessions // resources) for row in session_rows(each))
        stored += insert(table, rows)
        description = {"PartitionKey": key.catalog_id, "RowKey": f"application:{key.resource_id}"}
        insert(descriptions, iter([description | {"DisplayName": "Doors"}]))
    insert(index, ({"PartitionKey": TENANT, "RowKey": "{}_{}".format(*key)} for key in keys))
    print(f"{stored:,} rows of sessions were stored in {time.monotonic() - began:.0f} s", flush=True)

    resource = keys[len(keys) // 2]
    path, now = sessions_path(resource), utc_now()
    active = [
        new_session(SessionKey(resource, new_id(now)), Review(str(uuid4()), str(uuid4())), now)
        for _ in range(_TIMES + 1)
    ]
    insert(table, (row for each in active for row in (*session_rows(each), reference_entity(each))))
    left = iter(active)

    def create() -> bytes:
        data = f'{{"data": {{"reviewDefinitionId": "{uuid4()}", "reviewInstanceId": "{uuid4()}"}}}}'
        return world.post(sessions_path(new_resource()), data.encode())

    def upload() -> bytes:
        content = _CSV + f"{uuid4()},user,{uuid4()},Reader,,\r\n".encode()
        return world.form(f"{path}/{next(left).key.session_id}/uploadFile", content)

    tick = world.post("/admin/functions/expire_sessions?wait=1", b'{"input": ""}')
    yield await world.cost_of_each("create", create, 201)
    yield await world.cost("get, with files", f"{path}/{active[0].key.session_id}?$expand=files")
    yield await world.cost_of_each("uploadFile", upload, 200)
    yield await world.cost("oldest first, 20", f"{path}?$top=20")
    yield await world.cost("newest first, 20", f"{path}?$orderby=createdDateTime desc&$top=20")
    yield await world.cost("resources, 20", "/v1.0/uploads/resources?$top=20")
    yield await world.cost_of_each("tick, nothing due", lambda: tick, 202)


Measure = Callable[[World, argparse.Namespace], AsyncIterator[Cost]]

ROWS: Mapping[str, Measure] = {
    "lists": lambda world, _: lists(world, 10_000),
    "expand": lambda world, _: expand(world, 999),
    "grants": lambda world, _: grants(world, 5_000),
    "revoked": lambda world, _: revoked(world, 2_000),
    "scale": lambda world, arguments: scale(world, arguments.sessions, arguments.resources),
}


async def measure(row: str, arguments: argparse.Namespace) -> None:
    """Measure one row on a storage and a service of its own, and print its part of the table."""
    with ExitStack() as running:
        data, issuer = (Path(running.enter_context(tempfile.TemporaryDirectory(prefix="scale-"))) for _ in range(2))
        # On disk, its tables would be one JSON text, which must not have more than 512 MB.
        storage = running.enter_context(azurite(data, in_memory=True)).connection_string
        service = running.enter_context(running_service(storage, str(issuer)))
        tables = running.enter_context(TableServiceClient.from_connection_string(storage))
        async for cost in ROWS[row](World(tables, service, issuer), arguments):
            times = f"{cost.milliseconds:,.1f} ms | {cost.cpu_milliseconds:,.1f} ms"
            print(f"| {row} | {cost.request} | {times} | {cost.answer_bytes:,} |", flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="bench.scale", description="What requests cost by what is stored.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"what to measure: {', '.join(ROWS)}; default all")
    parser.add_argument("--sessions", type=int, default=100_000, help="sessions stored for the row 'scale'")
    parser.add_argument("--resources", type=int, default=1_000, help="resources that have them")
    arguments = parser.parse_args()
    print("| row | request | time | processor | bytes |\n| --- | --- | --- | --- | --- |")
    for row in arguments.rows or ROWS:
        asyncio.run(measure(row, arguments))


if __name__ == "__main__":
    main()
