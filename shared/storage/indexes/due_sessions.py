"""An index by time of the sessions that the timer must visit: one for expiry, one for deliveries.

Its rows say only when to visit which session; what is to be done then is in the session's own rows. A row that is
missing its session, or that is there twice, costs a visit and does no harm.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from shared.domain.sessions import ResourceKey, SessionKey
from shared.storage.azure.table import Row, Table, check_format, instant


class DueSession(NamedTuple):
    """One row of the index: the timer must visit this session at that time."""

    due: datetime
    key: SessionKey


class DueSessions:
    """An index of an account."""

    def __init__(self, table: Table, *, shards: int = 1) -> None:
        """Take its table. Writes are spread over that many partitions an hour."""
        self._table = table
        self._shards = shards

    async def put(self, entry: DueSession) -> None:
        """Write a row. Repeating it changes nothing."""
        partition, row = self._keys(entry)
        await self._table.upsert(
            {
                "PartitionKey": partition,
                "RowKey": row,
                "CatalogId": entry.key.resource.catalog_id,
                "ResourceId": entry.key.resource.resource_id,
                "Due": entry.due,
            }
        )

    async def remove(self, entry: DueSession) -> None:
        """Remove a row. A missing one is no error."""
        await self._table.delete(*self._keys(entry))

    async def due(self, now: datetime) -> AsyncIterator[Row]:
        """The rows that are due, sorted by hour, oldest hour first; ``due_session`` reads each."""
        rows = self._table.query(
            "PartitionKey lt @partition and RowKey lt @row",
            {"partition": f"{now:%Y%m%d%H};", "row": f"{_sortable(now)};"},
            any_format=True,
        )
        async for row in rows:
            yield row

    def _keys(self, entry: DueSession) -> tuple[str, str]:
        hour = f"{entry.due:%Y%m%d%H}"
        shard = f"-{int(entry.key.session_id[-1], 16) % self._shards}" if self._shards > 1 else ""
        return f"{hour}{shard}", f"{_sortable(entry.due)}:{entry.key.session_id}"


def due_session(row: Row) -> DueSession:
    """The entry that a row holds.

    Raises:
        NewerFormatError: a newer version of the app wrote the row.
        LookupError, ValueError, TypeError, AttributeError: it is not such a row.
    """
    check_format(row)
    resource = ResourceKey(row["CatalogId"], row["ResourceId"])
    return DueSession(instant(row["Due"]), SessionKey(resource, row["RowKey"].split(":")[1]))


def _sortable(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"
