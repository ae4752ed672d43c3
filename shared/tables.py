"""Table Storage: the rows, their keys, and the transactions that change them together.

Table ``uploadsessions`` holds all rows of one resource in one partition, so that what must change together changes in
one entity group transaction. Table ``expiry`` is an index by time over the sessions that still need the timer.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.data.tables import EdmType, EntityProperty, TableErrorCode, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.connections import connect
from shared.ids import id_time
from shared.lifecycle import Refusal, ResourceKey, Review, Session, SessionKey, Status, StoredFile
from shared.settings import Settings

SESSIONS_TABLE = "uploadsessions"
EXPIRY_TABLE = "expiry"

# Entities of one entity group transaction ("Performing entity group transactions", Azure Storage).
MAX_TRANSACTION = 100

# Writes to the index are spread over as many partitions an hour: one partition takes about 2,000 entities a second.
EXPIRY_SHARDS = 4

# A table call is small: one that takes longer than this has been lost, and a retry is better than waiting.
CALL_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 5,
    "retry_total": 2,
    # Once more for a connection that storage had closed meanwhile; storage that hangs is not waited for three times.
    "retry_read": 1,
    "retry_backoff_factor": 0.3,
    "retry_backoff_max": 3,
}

# What ``submit_transaction`` takes: the kind of operation, the entity, and the options.
Operation = tuple[str, dict[str, Any], dict[str, Any]]


class ConcurrentChangeError(Exception):
    """A conditional write lost its race: read again, and decide again."""


@dataclass(frozen=True, slots=True)
class ExpiryEntry:
    """One row of the expiry index: look at this session at that time."""

    due: datetime
    key: SessionKey


class SessionTable:
    """The rows of sessions, references, files and refusals, and the expiry index."""

    def __init__(self, service: TableServiceClient) -> None:
        self._service = service
        self._sessions: TableClient = service.get_table_client(SESSIONS_TABLE)
        self._expiry: TableClient = service.get_table_client(EXPIRY_TABLE)

    @classmethod
    def connect(cls, settings: Settings) -> "SessionTable":
        """Table Storage as the settings name it; nothing is sent yet."""
        return cls(connect(TableServiceClient, settings.storage, settings.table_service_uri, **CALL_OPTIONS))

    async def create_tables(self) -> None:
        """Make both tables unless they are there."""
        for table in (SESSIONS_TABLE, EXPIRY_TABLE):
            await self._service.create_table_if_not_exists(table)

    # Reading

    async def session(self, key: SessionKey) -> Session | None:
        """One session by a point read; ``None`` if there is no such row."""
        try:
            return _session(key.resource, await self._sessions.get_entity(_partition(key.resource), _session_row(key)))
        except ResourceNotFoundError as error:
            reraise_missing_table(error)
            return None

    async def sessions(
        self, resource: ResourceKey, *, after: str | None = None, page_size: int = 1000
    ) -> AsyncIterator[Session]:
        """A resource's sessions in order of creation, beginning behind the id ``after``; tombstones included."""
        rows = self._query(_partition(resource), f"session:{after or ''}", "session;", page_size)
        async for row in rows:
            if row["RowKey"] != f"session:{after}":
                yield _session(resource, row)

    async def files(self, key: SessionKey) -> list[StoredFile]:
        """A session's files, in the order in which their uploads began."""
        prefix = f"file:{key.session_id}"
        rows = self._query(_partition(key.resource), f"{prefix}:", f"{prefix};")
        return [_file(row) async for row in rows]

    async def files_between(self, resource: ResourceKey, first: str, last: str) -> dict[str, list[StoredFile]]:
        """The files of all sessions from one session id to another, by session id: one range scan for a whole page."""
        found: dict[str, list[StoredFile]] = {}
        async for row in self._query(_partition(resource), f"file:{first}:", f"file:{last};"):
            found.setdefault(row["RowKey"].split(":")[1], []).append(_file(row))
        return found

    async def file(self, key: SessionKey, file_id: str) -> StoredFile | None:
        """One file by a point read."""
        try:
            return _file(await self._sessions.get_entity(_partition(key.resource), _file_row(key, file_id)))
        except ResourceNotFoundError as error:
            reraise_missing_table(error)
            return None

    async def refusals(self, key: SessionKey) -> list[Refusal]:
        """The refused files that nobody has replaced yet."""
        prefix = f"refusal:{key.session_id}"
        rows = self._query(_partition(key.resource), f"{prefix}:", f"{prefix};")
        return [Refusal(row["Name"], _instant(row["Refused"]), row["Findings"]) async for row in rows]

    async def reference_holder(self, resource: ResourceKey, reference_id: str) -> str | None:
        """The id of the session that a reference row names."""
        try:
            row = await self._sessions.get_entity(_partition(resource), _reference_row(reference_id))
        except ResourceNotFoundError as error:
            reraise_missing_table(error)
            return None
        return str(row["SessionId"])

    # Changing. Every change of a session is conditional on the ETag with which it was read.

    async def insert_session(self, session: Session) -> Session:
        """Insert a session and its reference, both or none.

        Raises:
            ConcurrentChangeError: another session holds the reference.
        """
        return await self._write(session, ("create", _session_entity(session), {}), _insert_reference(session))

    async def take_over_reference(self, session: Session, former: Session) -> Session:
        """Insert a session, and give it the reference of one that is over; that one is stored as it now is."""
        reference = ("upsert", _reference_entity(session), {"mode": UpdateMode.REPLACE})
        return await self._write(session, ("create", _session_entity(session), {}), _update_session(former), reference)

    async def update_session(self, session: Session) -> Session:
        """Store a session's new state.

        Raises:
            ConcurrentChangeError: it changed, or went, since it was read.
        """
        _, entity, options = _update_session(session)
        with _conflicts():
            answer = await self._sessions.update_entity(entity, **options)
        return replace(session, etag=answer["etag"])

    async def add_file(self, session: Session, file: StoredFile, *, clears_refusal: bool) -> Session:
        """Add a file's row and store the session's new stats, both or none."""
        operations: list[Operation] = [("create", _file_entity(session.key, file), {})]
        if clears_refusal:
            operations.append(_delete_row(session.key, _refusal_row(session.key, file.name)))
        return await self._write(session, _update_session(session), *operations)

    async def add_refusal(self, session: Session, refusal: Refusal) -> Session:
        """Remember a refused file and store the session's new state, both or none."""
        remember = ("upsert", _refusal_entity(session.key, refusal), {"mode": UpdateMode.REPLACE})
        return await self._write(session, _update_session(session), remember)

    async def clear_refusal(self, session: Session, name: str) -> Session:
        """Forget a refused file and store the session's new state, both or none."""
        return await self._write(
            session, _update_session(session), _delete_row(session.key, _refusal_row(session.key, name))
        )

    async def release_reference(self, session: Session) -> Session:
        """Store a session's last state and free its reference, both or none."""
        free = _delete_row(session.key, _reference_row(session.review.instance_id))
        return await self._write(session, _update_session(session), free)

    async def remove_rows(self, session: Session, gone: Sequence[StoredFile | Refusal]) -> Session:
        """Remove files and refusals, at most ``MAX_TRANSACTION - 1``, and store the new stats, all or none."""
        key = session.key
        rows = [
            _delete_row(
                key, _file_row(key, entry.id) if isinstance(entry, StoredFile) else _refusal_row(key, entry.name)
            )
            for entry in gone
        ]
        return await self._write(session, _update_session(session), *rows)

    async def delete_session(self, session: Session) -> None:
        """Remove a session's own row, the last of its rows; gone already is as good."""
        await self._sessions.delete_entity(_partition(session.key.resource), _session_row(session.key))

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
            yield ExpiryEntry(_instant(row["Due"]), SessionKey(resource, row["RowKey"].split(":")[1]))

    def _query(
        self, partition: str, first: str, end: str, page_size: int | None = None
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The rows of a partition from the key ``first`` up to, not including, ``end``."""
        return self._sessions.query_entities(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @end",
            parameters={"partition": partition, "first": first, "end": end},
            results_per_page=page_size,
        )

    async def _write(self, session: Session, *operations: Operation) -> Session:
        """Submit one transaction whose first operation writes ``session``; gives it back with its new ETag."""
        with _conflicts():
            answers = await self._sessions.submit_transaction(operations)
        return replace(session, etag=answers[0]["etag"])


@contextmanager
def _conflicts() -> Iterator[None]:
    """Turn what storage says of a lost race (412, 409, or 404 for a row that went) into ``ConcurrentChangeError``."""
    try:
        yield
    except HttpResponseError as error:
        reraise_missing_table(error)
        if error.status_code in (404, 409, 412):
            raise ConcurrentChangeError from error
        raise


def reraise_missing_table(error: HttpResponseError) -> None:
    """A missing row is an answer; a missing table is a fault."""
    if getattr(error, "error_code", None) == TableErrorCode.TABLE_NOT_FOUND:
        raise error


# Keys. Every part is a GUID, a hex digest or a word of ours, so that no caller's text gets into a key.


def _partition(resource: ResourceKey) -> str:
    return f"{resource.catalog_id}_{resource.resource_id}"


def _session_row(key: SessionKey) -> str:
    return f"session:{key.session_id}"


def _reference_row(reference_id: str) -> str:
    return f"reference:{reference_id}"


def _file_row(key: SessionKey, file_id: str) -> str:
    return f"file:{key.session_id}:{file_id}"


def _refusal_row(key: SessionKey, name: str) -> str:
    return f"refusal:{key.session_id}:{sha256(name.encode()).hexdigest()}"


def _expiry_key(entry: ExpiryEntry) -> tuple[str, str]:
    shard = int(entry.key.session_id[-1], 16) % EXPIRY_SHARDS
    return f"{entry.due:%Y%m%d%H}-{shard}", f"{_sortable(entry.due)}:{entry.key.session_id}"


def _sortable(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"


# Entities


def _session_entity(session: Session) -> dict[str, Any]:
    review = session.review
    entity = {
        "PartitionKey": _partition(session.key.resource),
        "RowKey": _session_row(session.key),
        "Status": session.status.value,
        "LastActive": session.last_active,
        "ReviewDefinitionId": review.definition_id,
        "ReferenceId": review.instance_id,
        "Source": review.source,
        "Type": review.type,
        "DataType": review.data_type,
        "FilesUploaded": session.files_uploaded,
        "TotalBytes": EntityProperty(session.total_bytes, EdmType.INT64),
        "OpenRefusals": session.open_refusals,
    }
    return {name: value for name, value in entity.items() if value is not None}


def _session(resource: ResourceKey, row: Mapping[str, Any]) -> Session:
    session_id = row["RowKey"].removeprefix("session:")
    return Session(
        key=SessionKey(resource, session_id),
        review=Review(
            definition_id=row["ReviewDefinitionId"],
            instance_id=row["ReferenceId"],
            source=row.get("Source"),
            type=row.get("Type"),
            data_type=row.get("DataType"),
        ),
        created=id_time(session_id),
        last_active=_instant(row["LastActive"]),
        status=Status(row["Status"]),
        files_uploaded=row["FilesUploaded"],
        total_bytes=row["TotalBytes"].value,
        open_refusals=row["OpenRefusals"],
        etag=row.metadata["etag"],  # type: ignore[attr-defined]  # rows are TableEntity, which has it
    )


def _reference_entity(session: Session) -> dict[str, Any]:
    return {
        "PartitionKey": _partition(session.key.resource),
        "RowKey": _reference_row(session.review.instance_id),
        "SessionId": session.key.session_id,
    }


def _file_entity(key: SessionKey, file: StoredFile) -> dict[str, Any]:
    return {
        "PartitionKey": _partition(key.resource),
        "RowKey": _file_row(key, file.id),
        "Name": file.name,
        "Size": EntityProperty(file.size, EdmType.INT64),
        "Sha256": file.sha256,
        "Rows": EntityProperty(file.rows, EdmType.INT64),
        "Warnings": EntityProperty(file.warnings, EdmType.INT64),
        "Uploaded": file.uploaded,
    }


def _file(row: Mapping[str, Any]) -> StoredFile:
    return StoredFile(
        id=row["RowKey"].rsplit(":", 1)[1],
        name=row["Name"],
        size=row["Size"].value,
        sha256=row["Sha256"],
        rows=row["Rows"].value,
        warnings=row["Warnings"].value,
        uploaded=_instant(row["Uploaded"]),
    )


def _refusal_entity(key: SessionKey, refusal: Refusal) -> dict[str, Any]:
    return {
        "PartitionKey": _partition(key.resource),
        "RowKey": _refusal_row(key, refusal.name),
        "Name": refusal.name,
        "Refused": refusal.refused,
        "Findings": refusal.findings,
    }


def _instant(value: datetime) -> datetime:
    """A plain UTC datetime of the SDK's subclass of it."""
    return datetime.combine(value.date(), value.time(), UTC)


# Operations of a transaction


def _insert_reference(session: Session) -> Operation:
    return "create", _reference_entity(session), {}


def _update_session(session: Session) -> Operation:
    return (
        "update",
        _session_entity(session),
        {"mode": UpdateMode.REPLACE, "etag": session.etag, "match_condition": MatchConditions.IfNotModified},
    )


def _delete_row(key: SessionKey, row: str) -> Operation:
    return "delete", {"PartitionKey": _partition(key.resource), "RowKey": row}, {}
