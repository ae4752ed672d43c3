"""Table Storage: the rows, their keys, and the transactions that change them together.

Table ``uploadsessions`` holds all rows of one resource in one partition, so that what must change together changes in
one entity group transaction. Table ``expiry`` is an index by time over the sessions that still need the timer.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.domain.audit import AuditRecord
from shared.domain.lifecycle import Refusal, ResourceKey, Session, SessionKey, StoredFile
from shared.storage.audit_log import AuditLog
from shared.storage.session_rows import (
    delete_row,
    file_entity,
    file_of,
    file_row,
    insert_reference,
    instant,
    partition,
    reference_entity,
    reference_row,
    refusal_entity,
    refusal_of,
    refusal_row,
    session_entity,
    session_of,
    session_row,
    update_session,
)
from shared.storage.table_calls import Operation, conflicts, reraise_missing_table

SESSIONS_TABLE = "uploadsessions"
EXPIRY_TABLE = "expiry"

# Writes to the index are spread over as many partitions an hour: one partition takes about 2,000 entities a second.
EXPIRY_SHARDS = 4

# Between the index row of a new session and the session itself lies one call, which is given up long before this.
CREATE_TAKES_AT_MOST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ExpiryEntry:
    """One row of the expiry index: look at this session at that time."""

    due: datetime
    key: SessionKey


class SessionTable:
    """The rows of sessions, references, files and refusals, and the expiry index."""

    def __init__(self, service: TableServiceClient, log: AuditLog) -> None:
        self._service = service
        self._sessions: TableClient = service.get_table_client(SESSIONS_TABLE)
        self._expiry: TableClient = service.get_table_client(EXPIRY_TABLE)
        self._audit = log

    async def create_tables(self) -> None:
        """Make both tables unless they are there."""
        for table in (SESSIONS_TABLE, EXPIRY_TABLE):
            await self._service.create_table_if_not_exists(table)

    async def ping(self) -> None:
        """See that Table Storage answers: one point read of a row that is not there.

        Raises:
            AzureError: it does not, or the table is missing.
        """
        try:
            await self._expiry.get_entity("health", "health")
        except ResourceNotFoundError as error:
            reraise_missing_table(error)

    # Reading

    async def session(self, key: SessionKey) -> Session | None:
        """One session by a point read; ``None`` if there is no such row."""
        try:
            return session_of(key.resource, await self._sessions.get_entity(partition(key.resource), session_row(key)))
        except ResourceNotFoundError as error:
            reraise_missing_table(error)
            return None

    async def sessions(
        self, resource: ResourceKey, *, after: str | None = None, page_size: int = 1000
    ) -> AsyncIterator[Session]:
        """A resource's sessions in order of creation, beginning behind the id ``after``; tombstones included."""
        rows = self._query(partition(resource), f"session:{after or ''}", "session;", page_size)
        async for row in rows:
            if row["RowKey"] != f"session:{after}":
                yield session_of(resource, row)

    async def count(self, resource: ResourceKey, *, at_most: int) -> int:
        """How many sessions a resource has, tombstones included, counted up to a limit: a call a 1,000 of them."""
        rows = self._sessions.query_entities(
            "PartitionKey eq @partition and RowKey ge 'session:' and RowKey lt 'session;'",
            parameters={"partition": partition(resource)},
            select=["RowKey"],
        )
        count = 0
        async for _ in rows:
            count += 1
            if count == at_most:
                break
        return count

    async def files(self, key: SessionKey) -> list[StoredFile]:
        """A session's files, in the order in which their uploads began."""
        prefix = f"file:{key.session_id}"
        rows = self._query(partition(key.resource), f"{prefix}:", f"{prefix};")
        return [file_of(row) async for row in rows]

    async def files_between(self, resource: ResourceKey, first: str, last: str) -> dict[str, list[StoredFile]]:
        """The files of all sessions from one session id to another, by session id: one range scan for a whole page."""
        found: dict[str, list[StoredFile]] = {}
        async for row in self._query(partition(resource), f"file:{first}:", f"file:{last};"):
            found.setdefault(row["RowKey"].split(":")[1], []).append(file_of(row))
        return found

    async def file(self, key: SessionKey, file_id: str) -> StoredFile | None:
        """One file by a point read."""
        try:
            return file_of(await self._sessions.get_entity(partition(key.resource), file_row(key, file_id)))
        except ResourceNotFoundError as error:
            reraise_missing_table(error)
            return None

    async def refusals(self, key: SessionKey) -> list[Refusal]:
        """The refused files that nobody has replaced yet."""
        prefix = f"refusal:{key.session_id}"
        rows = self._query(partition(key.resource), f"{prefix}:", f"{prefix};")
        return [refusal_of(row) async for row in rows]

    async def reference_holder(self, resource: ResourceKey, reference_id: str) -> str | None:
        """The id of the session that a reference row names."""
        try:
            row = await self._sessions.get_entity(partition(resource), reference_row(reference_id))
        except ResourceNotFoundError as error:
            reraise_missing_table(error)
            return None
        return str(row["SessionId"])

    # Changing. Every change of a session is conditional on the ETag with which it was read, and leaves a record.

    async def insert_session(self, session: Session, record: AuditRecord) -> Session:
        """Insert a session and its reference, both or none.

        Raises:
            ConcurrentChangeError: another session holds the reference.
        """
        return await self._write(session, ("create", session_entity(session), {}), insert_reference(session), record)

    async def take_over_reference(
        self, session: Session, former: Session, record: AuditRecord, former_record: AuditRecord
    ) -> Session:
        """Insert a session, and give it the reference of one that is over; that one is stored as it now is."""
        create: Operation = ("create", session_entity(session), {})
        reference = ("upsert", reference_entity(session), {"mode": UpdateMode.REPLACE})
        return await self._write(session, create, update_session(former), reference, record, former_record)

    async def update_session(self, session: Session, record: AuditRecord) -> Session:
        """Store a session's new state.

        Raises:
            ConcurrentChangeError: it changed, or went, since it was read.
        """
        return await self._write(session, update_session(session), record)

    async def add_file(
        self, session: Session, file: StoredFile, record: AuditRecord, *, clears_refusal: bool
    ) -> Session:
        """Add a file's row and store the session's new stats, both or none."""
        changes: list[Operation] = [("create", file_entity(session.key, file), {})]
        if clears_refusal:
            changes.append(delete_row(session.key, refusal_row(session.key, file.name)))
        return await self._write(session, update_session(session), *changes, record)

    async def add_refusal(self, session: Session, refusal: Refusal, record: AuditRecord) -> Session:
        """Remember a refused file and store the session's new state, both or none."""
        remember = ("upsert", refusal_entity(session.key, refusal), {"mode": UpdateMode.REPLACE})
        return await self._write(session, update_session(session), remember, record)

    async def clear_refusal(self, session: Session, name: str, record: AuditRecord) -> Session:
        """Forget a refused file and store the session's new state, both or none."""
        forget = delete_row(session.key, refusal_row(session.key, name))
        return await self._write(session, update_session(session), forget, record)

    async def release_reference(self, session: Session, record: AuditRecord) -> Session:
        """Store a session's last state and free its reference, both or none."""
        free = delete_row(session.key, reference_row(session.review.instance_id))
        return await self._write(session, update_session(session), free, record)

    async def remove_rows(self, session: Session, gone: Sequence[StoredFile | Refusal]) -> Session:
        """Remove files and refusals, at most ``MAX_TRANSACTION - 1``, and store the new stats, all or none."""
        key = session.key
        rows = [
            delete_row(key, file_row(key, entry.id) if isinstance(entry, StoredFile) else refusal_row(key, entry.name))
            for entry in gone
        ]
        return await self._write(session, update_session(session), *rows)

    async def delete_session(self, session: Session) -> None:
        """Remove a session's own row, the last of its rows; gone already is as good."""
        await self._sessions.delete_entity(partition(session.key.resource), session_row(session.key))

    # The expiry index

    async def put_expiry(self, entry: ExpiryEntry) -> None:
        """Write an index row; writing it again changes nothing."""
        partition, row = _expiry_key(entry)
        await self._expiry.upsert_entity(
            {
                "PartitionKey": partition,
                "RowKey": row,
                "CatalogId": entry.key.resource.catalog_id,
                "ResourceId": entry.key.resource.resource_id,
                "Due": entry.due,
            },
            mode=UpdateMode.REPLACE,
        )

    async def delete_expiry(self, entry: ExpiryEntry) -> None:
        """Remove an index row; gone already is as good."""
        await self._expiry.delete_entity(*_expiry_key(entry))

    async def due(self, now: datetime) -> AsyncIterator[ExpiryEntry]:
        """The index rows whose time has come, hour by hour, oldest hour first."""
        rows = self._expiry.query_entities(
            "PartitionKey lt @partition and RowKey lt @row",
            parameters={"partition": f"{now:%Y%m%d%H};", "row": f"{_sortable(now)};"},
        )
        async for row in rows:
            resource = ResourceKey(row["CatalogId"], row["ResourceId"])
            yield ExpiryEntry(instant(row["Due"]), SessionKey(resource, row["RowKey"].split(":")[1]))

    def _query(
        self, partition: str, first: str, end: str, page_size: int | None = None
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The rows of a partition from the key ``first`` up to, not including, ``end``."""
        return self._sessions.query_entities(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @end",
            parameters={"partition": partition, "first": first, "end": end},
            results_per_page=page_size,
        )

    async def _write(self, session: Session, *changes: Operation | AuditRecord) -> Session:
        """Make changes in one transaction, of which the first writes ``session``; gives it back with its new ETag."""
        operations = [await self._audit.entry(each) if isinstance(each, AuditRecord) else each for each in changes]
        with conflicts():
            answers = await self._sessions.submit_transaction(operations)
        return replace(session, etag=answers[0]["etag"])


def _expiry_key(entry: ExpiryEntry) -> tuple[str, str]:
    shard = int(entry.key.session_id[-1], 16) % EXPIRY_SHARDS
    return f"{entry.due:%Y%m%d%H}-{shard}", f"{_sortable(entry.due)}:{entry.key.session_id}"


def _sortable(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"
