"""The rows that describe resources: in table ``grants``, in their catalog's partition, beside its audit records."""

from collections.abc import Mapping
from typing import Any

from azure.data.tables import EdmType, EntityProperty, UpdateMode

from shared.domain.audit import AuditRecord
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey
from shared.storage.audit_log import AuditLog
from shared.storage.azure.table import Table

# Sorts before the rows of audit records and grants, whose ranges therefore never meet these.
_PREFIX = "application:"


class DescriptionTable:
    """The descriptions of resources."""

    def __init__(self, grants: Table, log: AuditLog) -> None:
        self._rows = grants
        self._audit = log

    async def get(self, key: ResourceKey) -> ResourceDescription | None:
        """A resource's description by a point read; ``None`` if it has none."""
        row = await self._rows.get(key.catalog_id, _PREFIX + key.resource_id)
        return None if row is None else _description(row)

    async def of_catalog(
        self, catalog_id: str, *, after: str = "", last: str = "~", at_most: int | None = None
    ) -> dict[ResourceKey, ResourceDescription]:
        """Described resources of a catalog with ids after ``after``, up to ``last``, in order: one range query."""
        rows = self._rows.query(
            "PartitionKey eq @catalog and RowKey gt @after and RowKey le @last",
            {"catalog": catalog_id, "after": _PREFIX + after, "last": _PREFIX + last},
            page_size=at_most,
        )
        found: dict[ResourceKey, ResourceDescription] = {}
        async for row in rows:
            found[ResourceKey(catalog_id, row["RowKey"].removeprefix(_PREFIX))] = _description(row)
            if len(found) == at_most:
                break
        return found

    async def put(self, key: ResourceKey, description: ResourceDescription, record: AuditRecord) -> None:
        """Store a description, and its audit record, both or none; it replaces the one that is there."""
        rows, target = description.expected_rows, description.target
        entity = {
            "PartitionKey": key.catalog_id,
            "RowKey": _PREFIX + key.resource_id,
            "DisplayName": description.display_name,
            "Description": description.description,
            "Contact": description.contact,
            "ExpectedLayout": description.expected_layout,
            "ExpectedRows": None if rows is None else EntityProperty(rows, EdmType.INT64),
            "UpstreamCatalogId": target.catalog_id if target else None,
            "UpstreamResourceId": target.resource_id if target else None,
        }
        present = {name: value for name, value in entity.items() if value is not None}
        await self._audit.submit([("upsert", present, {"mode": UpdateMode.REPLACE}), record])

    async def delete(self, key: ResourceKey, record: AuditRecord) -> None:
        """Remove a description.

        Raises:
            ConcurrentChangeError: there is none.
        """
        row = {"PartitionKey": key.catalog_id, "RowKey": _PREFIX + key.resource_id}
        await self._audit.submit([("delete", row, {}), record])


def _description(row: Mapping[str, Any]) -> ResourceDescription:
    rows, target = row.get("ExpectedRows"), row.get("UpstreamResourceId")
    return ResourceDescription(
        display_name=row["DisplayName"],
        description=row.get("Description"),
        contact=row.get("Contact"),
        expected_layout=row.get("ExpectedLayout"),
        expected_rows=None if rows is None else rows.value,
        target=None if target is None else ResourceKey(row["UpstreamCatalogId"], target),
    )
