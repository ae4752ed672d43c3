"""Table ``access``: which resources a principal may see, so that "my applications" is a range and not a scan.

One partition for each principal that has a grant, and one, ``tenant``, for all resources that have a description. A row
is written before what it points to, so that no grant lacks its row. It may point to nothing: it is removed after that
was deleted, or by a reader.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from azure.core.exceptions import HttpResponseError

from shared.core.ids import utc_now
from shared.storage.azure.table import MAX_TRANSACTION, Row, Table, delete_unchanged_row, etag_of, instant

# The time between writing a row and what it points to, which are two or three calls. They time out earlier.
PUT_TAKES_AT_MOST = timedelta(minutes=5)

TENANT = "tenant"
"""The partition of all resources that have a description."""


class Entry(NamedTuple):
    """A row of the index: a catalog, or a resource of it, and when this was written with which ETag."""

    catalog_id: str
    resource_id: str | None
    written: datetime
    etag: str

    @property
    def key(self) -> str:
        """The row's key, by which entries are sorted."""
        return _row_key(self.catalog_id, self.resource_id)


class AccessIndex:
    """The rows of the index. A row's key is a catalog's id, or a catalog's and a resource's."""

    def __init__(self, access: Table) -> None:
        self._access = access

    async def put(self, partition: str, catalog_id: str, resource_id: str | None) -> None:
        """Write a row; writing it again changes nothing."""
        row = {"PartitionKey": partition, "RowKey": _row_key(catalog_id, resource_id), "Written": utc_now()}
        await self._access.upsert(row)

    async def get(self, partition: str, catalog_id: str, resource_id: str | None) -> Entry | None:
        """One entry by a point read; ``None`` if it is not there."""
        row = await self._access.get(partition, _row_key(catalog_id, resource_id))
        return None if row is None else _entry(row)

    async def entries(self, partition: str, *, after: str = "") -> AsyncIterator[Entry]:
        """A partition's entries after the key ``after``, in the order of their keys."""
        rows = self._access.query(
            "PartitionKey eq @partition and RowKey gt @after", {"partition": partition, "after": after}
        )
        async for row in rows:
            yield _entry(row)

    async def remove(self, partition: str, entries: Sequence[Entry]) -> None:
        """Remove entries that were found to point to nothing after they were read, at most ``MAX_TRANSACTION``.

        An entry stays that was written so recently that what it points to may not be written yet. If one was written
        again or removed since it was read, all stay: the next reader finds them again.
        """
        latest = utc_now() - PUT_TAKES_AT_MOST
        removals = [
            delete_unchanged_row({"PartitionKey": partition, "RowKey": entry.key}, entry.etag)
            for entry in entries[:MAX_TRANSACTION]
            if entry.written <= latest
        ]
        if not removals:
            return
        try:
            await self._access.submit(removals)
        except HttpResponseError as error:
            if error.status_code not in (404, 412):
                raise


def _entry(row: Row) -> Entry:
    catalog_id, _, resource_id = row["RowKey"].partition("_")
    # A row of an earlier version does not say when it was written.
    written = instant(row["Written"]) if "Written" in row else datetime.min.replace(tzinfo=UTC)
    return Entry(catalog_id, resource_id or None, written, etag_of(row))


def _row_key(catalog_id: str, resource_id: str | None) -> str:
    return catalog_id if resource_id is None else f"{catalog_id}_{resource_id}"
