"""Reads and changes sessions, files, refusals and references in Table Storage.

Table ``uploadsessions`` holds all rows of one resource in one partition, so that rows that must change together are
changed in one entity group transaction.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from azure.data.tables import UpdateMode

from shared.domain.audit import AuditRecord
from shared.domain.plausibility import LastComplete
from shared.domain.sessions import Outline, Reference, Refusal, ResourceKey, Session, SessionKey, Status, StoredFile
from shared.storage.audit_log import AuditLog
from shared.storage.azure.packed import unpacked
from shared.storage.azure.table import MAX_PAGE, Operation, Row, Table, first_rows, instant
from shared.storage.resource_partition.rows import (
    LAST_COMPLETE_ROW,
    REFUSAL_PROPERTIES,
    complement,
    create_session,
    delete_row,
    file_entity,
    file_of,
    file_row,
    insert_reference,
    last_complete_of,
    newest_row,
    partition,
    receipt_row,
    reference_of,
    reference_row,
    refusal_entity,
    refusal_of,
    refusal_prefix,
    refusal_row,
    session_of,
    session_row,
    update_reference,
    update_session,
)

# The time between writing a new session's index row and its own row, which is one call. The call times out earlier.
CREATE_TAKES_AT_MOST = timedelta(minutes=5)


_SESSIONS = "PartitionKey eq @partition and RowKey ge 'session:' and RowKey lt 'session;'"
_NOT_DELETED = f"{_SESSIONS} and Status ne '{Status.DELETED}'"


class SessionTable:
    """The rows of sessions, references, files and refusals."""

    def __init__(self, sessions: Table, log: AuditLog) -> None:
        self._sessions = sessions
        self._audit = log

    async def ping(self) -> None:
        """See that Table Storage answers: one point read of a row that is not there.

        Raises:
            AzureError: it does not.
        """
        await self._sessions.get("health", "health")

    # Reading

    async def session(self, key: SessionKey) -> Session | None:
        """One session by a point read; ``None`` if it does not exist."""
        row = await self._sessions.get(partition(key.resource), session_row(key))
        return None if row is None else session_of(key.resource, row)

    async def sessions(
        self, resource: ResourceKey, *, after: str | None = None, page_size: int = MAX_PAGE
    ) -> AsyncIterator[Session]:
        """A resource's sessions in order of creation, starting after the id ``after``, including deleted ones."""
        rows = self._query(partition(resource), f"session:{after or ''}", "session;", page_size)
        async for row in rows:
            if row["RowKey"] != f"session:{after}":
                yield session_of(resource, row)

    async def newest_sessions(
        self, resource: ResourceKey, *, before: str | None = None, page_size: int = MAX_PAGE
    ) -> AsyncIterator[Session]:
        """A resource's sessions, the newest first, starting before the id ``before``, including deleted ones.

        The rows ``newest`` say between which ids so many sessions are, and the range of these ids is read. So a row
        that is missing or points to nothing changes how much is read at a time, and nothing else. Sessions of earlier
        versions have none: those older than the first one that has are read at once.
        """
        end = before
        while True:
            first = "newest:" if end is None else f"{newest_row(end)}~"
            index = self._query(partition(resource), first, "newest;", page_size, select=["RowKey"])
            keys = [row["RowKey"] for row in await first_rows(index, page_size)]
            begin = complement(keys[-1].removeprefix("newest:")) if len(keys) == page_size else None
            last = "session;" if end is None else f"session:{end}"
            found = [row async for row in self._query(partition(resource), f"session:{begin or ''}", last)]
            for row in reversed(found):
                yield session_of(resource, row)
            if begin is None:
                return
            end = begin

    async def outlines(self, resource: ResourceKey) -> AsyncIterator[Outline]:
        """What filters compare of each session that was not deleted: a third of the work of ``sessions``."""
        rows = self._sessions.query(
            _NOT_DELETED, {"partition": partition(resource)}, select=["ReferenceId", "Status", "LastActive"]
        )
        async for row in rows:
            yield Outline(row["ReferenceId"], instant(row["LastActive"]), Status(row["Status"]))

    async def count_not_deleted(self, resource: ResourceKey) -> int:
        """Number of a resource's sessions that were not deleted: one call for each 1,000."""
        rows = self._sessions.query(_NOT_DELETED, {"partition": partition(resource)}, select=["RowKey"])
        return sum([1 async for _ in rows])

    async def count(self, resource: ResourceKey, *, at_most: int) -> int:
        """Number of a resource's sessions, including deleted ones, counted up to a limit: one call for each 1,000."""
        rows = self._sessions.query(_SESSIONS, {"partition": partition(resource)}, select=["RowKey"])
        return len(await first_rows(rows, at_most))

    async def files(self, key: SessionKey) -> list[StoredFile]:
        """A session's files, in the order in which their uploads began."""
        prefix = f"file:{key.session_id}"
        rows = self._query(partition(key.resource), f"{prefix}:", f"{prefix};")
        return [file_of(row) async for row in rows]

    async def files_between(self, resource: ResourceKey, first: str, last: str) -> dict[str, list[StoredFile]]:
        """The files of all sessions between two session ids, inclusive, by session id: one range query for a page."""
        found: dict[str, list[StoredFile]] = {}
        async for row in self._query(partition(resource), f"file:{first}:", f"file:{last};"):
            found.setdefault(row["RowKey"].split(":")[1], []).append(file_of(row))
        return found

    async def file(self, key: SessionKey, file_id: str) -> StoredFile | None:
        """One file by a point read."""
        row = await self._sessions.get(partition(key.resource), file_row(key, file_id))
        return None if row is None else file_of(row)

    async def refusals(self, key: SessionKey) -> list[Refusal]:
        """The refused files that have not been replaced."""
        prefix = f"refusal:{key.session_id}"
        rows = self._query(partition(key.resource), f"{prefix}:", f"{prefix};", select=REFUSAL_PROPERTIES)
        return [refusal_of(row) async for row in rows]

    async def refusal(self, key: SessionKey, refusal_id: str) -> Refusal | None:
        """One open refusal, by a query of at most one row."""
        prefix = refusal_prefix(key, refusal_id)
        async for row in self._query(partition(key.resource), prefix, f"{prefix}~", select=REFUSAL_PROPERTIES):
            return refusal_of(row)
        return None

    async def accounts_of_refusal(self, key: SessionKey, refusal_id: str) -> bytes | None:
        """The list of accounts of one open refusal, empty if it has none; ``None`` if there is no such refusal."""
        prefix = refusal_prefix(key, refusal_id)
        async for row in self._query(partition(key.resource), prefix, f"{prefix}~"):
            return unpacked(row)
        return None

    async def reference(self, resource: ResourceKey, reference_id: str) -> Reference | None:
        """Which session holds a reference, by a point read; ``None`` if none does."""
        row = await self._sessions.get(partition(resource), reference_row(reference_id))
        return None if row is None else reference_of(resource, row)

    async def last_complete(self, resource: ResourceKey) -> LastComplete | None:
        """The last complete session of a resource, by a point read; ``None`` if it has none."""
        row = await self._sessions.get(partition(resource), LAST_COMPLETE_ROW)
        return None if row is None else last_complete_of(row)

    async def receipt(self, key: SessionKey) -> bytes | None:
        """What a session was completed with, by a point read; ``None`` if a version completed it that stored none."""
        row = await self._sessions.get(partition(key.resource), receipt_row(key))
        return None if row is None else unpacked(row)

    # Changing. Every change of a session is conditional on the ETag that was read, and adds an audit record.

    async def insert_session(self, session: Session, record: AuditRecord) -> Session:
        """Insert a session and its reference in one transaction.

        Raises:
            ConcurrentChangeError: another session holds the reference.
        """
        return await self._write(session, *create_session(session), insert_reference(session), record)

    async def take_over_reference(
        self, session: Session, reference: Reference, record: AuditRecord, *also: Operation | AuditRecord
    ) -> Session:
        """Insert a session with the reference of another one, and store what goes with that, in one transaction.

        Raises:
            ConcurrentChangeError: the reference has changed since it was read, or something else has.
        """
        return await self._write(session, *create_session(session), update_reference(session, reference), record, *also)

    async def update_session(self, session: Session, record: AuditRecord, *also: Operation) -> Session:
        """Store a session's new state, and what goes with it.

        Raises:
            ConcurrentChangeError: it was changed or deleted since it was read.
        """
        return await self._write(session, update_session(session), record, *also)

    async def add_file(
        self, session: Session, file: StoredFile, record: AuditRecord, *, clears_refusal: bool
    ) -> Session:
        """Add a file's row and store the session's new stats in one transaction."""
        changes: list[Operation] = [("create", file_entity(session.key, file), {})]
        if clears_refusal:
            changes.append(delete_row(session.key, refusal_row(session.key, file.name)))
        return await self._write(session, update_session(session), *changes, record)

    async def add_refusal(self, session: Session, refusal: Refusal, record: AuditRecord, *also: Operation) -> Session:
        """Store a refusal, the session's new state and what goes with them in one transaction."""
        remember = ("upsert", refusal_entity(session.key, refusal), {"mode": UpdateMode.REPLACE})
        return await self._write(session, update_session(session), remember, record, *also)

    async def release_reference(self, session: Session, record: AuditRecord, *also: Operation) -> Session:
        """Store a session's final state, delete its reference, and what goes with that, in one transaction."""
        free = delete_row(session.key, reference_row(session.review.instance_id))
        return await self._write(session, update_session(session), free, record, *also)

    async def remove_rows(
        self, session: Session, removed: Sequence[StoredFile | Refusal], *records: AuditRecord
    ) -> Session:
        """Remove files and refusals and store the session's new stats in one transaction.

        At most ``MAX_TRANSACTION - 1`` of them, the audit records included. The removal of all files of a session that
        has ended needs no record: the end of the session has one.
        """
        key = session.key
        rows = [
            delete_row(key, file_row(key, entry.id) if isinstance(entry, StoredFile) else refusal_row(key, entry.name))
            for entry in removed
        ]
        return await self._write(session, update_session(session), *rows, *records)

    async def unlist(self, key: SessionKey) -> None:
        """Remove a session from the newest ones. A session that is not among them is no error."""
        await self._sessions.delete(partition(key.resource), newest_row(key.session_id))

    async def delete_session(self, session: Session) -> None:
        """Delete a session's own row, the last of its rows. A missing row is no error."""
        await self._sessions.delete(partition(session.key.resource), session_row(session.key))

    def _query(
        self, partition: str, first: str, end: str, page_size: int | None = None, *, select: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """The rows of a partition with keys from ``first`` (inclusive) to ``end`` (exclusive)."""
        return self._sessions.query(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @end",
            {"partition": partition, "first": first, "end": end},
            select=select,
            page_size=page_size,
        )

    async def _write(self, session: Session, *changes: Operation | AuditRecord) -> Session:
        """Make changes in one transaction. The first one writes ``session``; returns it with its new ETag."""
        answers = await self._audit.submit(changes)
        return session._replace(etag=answers[0]["etag"])
