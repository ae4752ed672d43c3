"""Table ``access``: which resources a principal may see, so that "my applications" is a range and not a scan.

One partition for each principal that has a grant, and one, ``tenant``, for all resources that have a description. A row
is written before what it points to, and never removed: it cannot be removed in one transaction with the grant, so that
the row of a grant that is put at the same time could be lost. No grant lacks its row, but a row may point to nothing:
readers check what it points to.
"""

from collections.abc import AsyncIterator

from shared.storage.azure.table import Table

TENANT = "tenant"
"""The partition of all resources that have a description."""


class AccessIndex:
    """The rows of the index. A row's key is a catalog's id, or a catalog's and a resource's."""

    def __init__(self, access: Table) -> None:
        self._access = access

    async def put(self, partition: str, catalog_id: str, resource_id: str | None) -> None:
        """Write a row; writing it again changes nothing."""
        row = {"PartitionKey": partition, "RowKey": _row_key(catalog_id, resource_id)}
        await self._access.upsert(row)

    async def entries(self, partition: str, *, after: str = "") -> AsyncIterator[tuple[str, str | None]]:
        """The ids of catalog and resource of a partition's rows after the key ``after``, in the order of their keys."""
        rows = self._access.query(
            "PartitionKey eq @partition and RowKey gt @after", {"partition": partition, "after": after}
        )
        async for row in rows:
            catalog_id, _, resource_id = row["RowKey"].partition("_")
            yield catalog_id, resource_id or None


def _row_key(catalog_id: str, resource_id: str | None) -> str:
    return catalog_id if resource_id is None else f"{catalog_id}_{resource_id}"
