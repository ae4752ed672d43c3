"""Makes every change that has an audit record, and queries the records.

A record is stored in the partition of the change that it describes, so that both are written in one transaction: the
partition of the resource in table ``uploadsessions``, or of the catalog or the directory in table ``grants``. Table
``activity`` lists for each hour the partitions that have records of it, so that a query by time does not read
everything.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from azure.core.exceptions import HttpResponseError

from shared.core.ids import ID_PREFIX_LENGTH, id_prefix, utc_now
from shared.domain.audit import Activity, AuditRecord, Outcome, Subject, subject_of
from shared.domain.sessions import SessionKey
from shared.query.audit_scope import Scope
from shared.storage.azure.table import Operation, Table, table_is_missing

# A page reads at most this much and leaves the rest to the next page, even if few records match.
MAX_RECORDS_READ = 5_000
MAX_PLACES_READ = 200

# Where the directory is changed, in table ``grants``.
DIRECTORY_PARTITION = "directory"

# Rows of ``activity`` that this process has written and need not write again.
_MAX_REMEMBERED = 1_000

_HOUR = "%Y%m%d%H"

# Earlier than every record; and a character that sorts after every id, or after every id with a given prefix.
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_LAST = "~"


class ConcurrentChangeError(Exception):
    """A transaction that changed nothing: another request was faster. Read again and decide again.

    ``records`` are those of the transaction. If the log has them, there was no other request: it was made, and its
    answer was lost.
    """

    def __init__(self, *records: AuditRecord) -> None:
        super().__init__()
        self.records = records


class Position(NamedTuple):
    """Where a page of records ended: hour and partition of ``activity``, and the id of the last record."""

    hour: str
    place: str
    record_id: str


class Page(NamedTuple):
    """Records in order, and where the next page starts; ``None`` on the last page."""

    records: list[AuditRecord]
    end: Position | None


class AuditLog:
    """The audit records of an account."""

    def __init__(self, sessions: Table, grants: Table, activity: Table) -> None:
        self._sessions = sessions
        self._grants = grants
        self._activity = activity
        self._remembered: set[tuple[str, str]] = set()
        self._losses = 0

    # Writing

    async def submit(self, changes: Sequence[Operation | AuditRecord]) -> Sequence[Mapping[str, Any]]:
        """Make changes of one partition, with the records that describe them, in one transaction.

        The first one is no record. Returns the metadata of each.

        Raises:
            AzureError: storage failed.
            ConcurrentChangeError: a condition was not met, so that nothing was changed; or the SDK has repeated a call
                that had succeeded and whose answer was lost.
        """
        records = [each for each in changes if isinstance(each, AuditRecord)]
        operations = [await self._entry(each) if isinstance(each, AuditRecord) else each for each in changes]
        _, first, _ = operations[0]
        try:
            return await self._table(first["PartitionKey"]).submit(operations)
        except HttpResponseError as error:
            if table_is_missing(error) or error.status_code not in (404, 409, 412):
                raise
            raise ConcurrentChangeError(*records) from error

    async def expect(self, record: AuditRecord) -> None:
        """Make sure that ``activity`` lists the hour of a record: one call for each hour, partition and process."""
        noted = (f"{record.at:{_HOUR}}", _place(record.subject))
        if noted in self._remembered:
            return
        await self._note(noted)
        losses = self._activity.times_missing
        if losses != self._losses:
            # The table was deleted, and what this process remembers is no longer in it.
            for place in tuple(self._remembered):
                await self._note(place)
            self._losses = losses
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered.add(noted)

    async def _note(self, place: tuple[str, str]) -> None:
        await self._activity.upsert({"PartitionKey": place[0], "RowKey": place[1]})

    async def _entry(self, record: AuditRecord) -> Operation:
        """The operation that inserts a record. Writes the row of ``activity`` first."""
        await self.expect(record)
        return "create", _entity(record), {}

    async def has(self, record: AuditRecord) -> bool:
        """Whether a record was written, for a transaction whose response was lost."""
        place = _place(record.subject)
        return await self._table(place).get(place, _row(record.id)) is not None

    # Reading

    async def has_deletion(self, key: SessionKey) -> bool:
        """Whether there is a record of the deletion of a session."""
        return await self._first(key, Activity.DELETE_SESSION) is not None

    async def completed_with(self, key: SessionKey) -> str | int | None:
        """The preference that a session was completed with; ``None`` without one."""
        record = await self._first(key, Activity.COMPLETE_SESSION)
        return record and record.details.get("preference")

    async def _first(self, key: SessionKey, activity: Activity) -> AuditRecord | None:
        """A session's first record of an activity."""
        span = Span("", _place(subject_of(key)), key.session_id[:ID_PREFIX_LENGTH], _LAST, key.session_id)
        async for record in self.records(span):
            if record.activity is activity:
                return record
        return None

    async def page(
        self, scope: Scope, keeps: Callable[[AuditRecord], bool], *, after: Position | None, size: int
    ) -> Page:
        """Records of a scope, sorted by hour, then by catalog and resource, then by time.

        For one resource: first the records of its catalog's grants, then its own, each sorted by time.
        """
        found: list[AuditRecord] = []
        read = places = 0
        end = after
        async for span in self._spans(scope, after):
            async for record in self.records(span):
                if len(found) == size or read == MAX_RECORDS_READ:
                    return Page(found, end)
                read += 1
                end = Position(span.hour, span.place, record.id)
                if keeps(record):
                    found.append(record)
            places += 1
            if places == MAX_PLACES_READ:
                return Page(found, Position(span.hour, span.place, _LAST))
        return Page(found, None)

    async def _spans(self, scope: Scope, after: Position | None) -> AsyncIterator["Span"]:
        """Where records of a scope may be, in order, starting with the span that contains ``after``."""
        first = id_prefix(scope.since) if scope.since else ""
        end = id_prefix(scope.until) + _LAST if scope.until else _LAST
        if scope.session_id:
            # No record of a session is older than its id.
            first = max(first, scope.session_id[:ID_PREFIX_LENGTH])
        async for hour, place in self._hours(scope, after):
            if after and ((hour, place) < (after.hour, after.place) or after == Position(hour, place, _LAST)):
                continue
            span_first, span_end = first, end
            if hour:
                begins = datetime.strptime(hour, _HOUR).replace(tzinfo=UTC)
                ends = begins + timedelta(hours=1)
                span_first, span_end = max(first, id_prefix(begins)), min(end, id_prefix(ends))
            if after and (hour, place) == (after.hour, after.place):
                span_first = max(span_first, after.record_id)
            yield Span(hour, place, span_first, span_end, scope.session_id)

    async def _hours(self, scope: Scope, after: Position | None) -> AsyncIterator[tuple[str, str]]:
        """Hours and partitions that may have records of a scope. For one resource: its partitions, without hours."""
        if scope.catalog_id and scope.resource_id:
            if scope.session_id is None:
                yield "", scope.catalog_id
            yield "", f"{scope.catalog_id}_{scope.resource_id}"
            return
        # Clamped: the minimum and maximum of datetime cannot be converted to every time zone.
        latest = utc_now() + timedelta(hours=1)
        until = min(scope.until or latest, latest)
        since = min(max(scope.since or EARLIEST, EARLIEST), latest)
        rows = self._activity.query(
            "PartitionKey ge @since and PartitionKey le @until and RowKey ge @first and RowKey lt @end",
            {
                "since": max(f"{since.astimezone(UTC):{_HOUR}}", after.hour if after else ""),
                "until": f"{max(until, EARLIEST).astimezone(UTC):{_HOUR}}",
                "first": scope.catalog_id or "",
                "end": (scope.catalog_id or "") + _LAST,
            },
        )
        async for row in rows:
            yield row["PartitionKey"], row["RowKey"]

    async def records(self, span: "Span") -> AsyncIterator[AuditRecord]:
        """The records of a span, sorted by time."""
        condition = "PartitionKey eq @place and RowKey gt @first and RowKey lt @end"
        parameters = {"place": span.place, "first": _row(span.first), "end": _row(span.end)}
        if span.session_id:
            condition += " and SessionId eq @session"
            parameters["session"] = span.session_id
        async for row in self._table(span.place).query(condition, parameters):
            yield _record(row)

    def _table(self, place: str) -> Table:
        return self._sessions if "_" in place else self._grants


class Span(NamedTuple):
    """Records of one partition with ids between ``first`` and ``end``, both exclusive; optionally of one session."""

    hour: str
    place: str
    first: str
    end: str
    session_id: str | None


def _place(subject: Subject) -> str:
    """The partition in which the subject is changed. Grants are in the partition of their catalog."""
    if subject.catalog_id is None:
        return DIRECTORY_PARTITION
    if subject.session_id is None:
        return subject.catalog_id
    return f"{subject.catalog_id}_{subject.resource_id}"


def _row(record_id: str) -> str:
    return f"audit:{record_id}"


def _entity(record: AuditRecord) -> dict[str, Any]:
    subject = record.subject
    entity = {
        "PartitionKey": _place(subject),
        "RowKey": _row(record.id),
        "Activity": record.activity.value,
        "Outcome": record.outcome.value,
        "CatalogId": subject.catalog_id,
        "ResourceId": subject.resource_id,
        "SessionId": subject.session_id,
        "TenantId": record.tenant_id,
        "ObjectId": record.object_id,
        "AppId": record.app_id,
        "RequestId": record.request_id,
        "Details": json.dumps(record.details, ensure_ascii=False),
    }
    return {name: value for name, value in entity.items() if value is not None}


def _record(row: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(
        id=row["RowKey"].removeprefix("audit:"),
        activity=Activity(row["Activity"]),
        outcome=Outcome(row["Outcome"]),
        subject=Subject(row.get("CatalogId"), row.get("ResourceId"), row.get("SessionId")),
        tenant_id=row.get("TenantId"),
        object_id=row.get("ObjectId"),
        app_id=row.get("AppId"),
        request_id=row.get("RequestId"),
        details=json.loads(row["Details"]),
    )
