"""The rows of resources, which describe them and say how their files become rows.

They are in table ``grants``, in their catalog's partition, beside its audit records. What a resource is called and how
its files become rows is one row, since an upload needs both, and should not read twice.
"""

import json
from collections.abc import Mapping
from typing import Any

from azure.data.tables import EdmType, EntityProperty

from shared.access_data.steps.declaration import Declaration
from shared.domain.audit import AuditRecord
from shared.domain.resources import Application, ResourceDescription
from shared.domain.sessions import ResourceKey
from shared.storage.audit_log import AuditLog
from shared.storage.azure.table import VERSION, Table, delete_unchanged_row, etag_of, replace_row

# Sorts before the rows of audit records and grants, whose ranges therefore never meet these.
_PREFIX = "application:"


class DescriptionTable:
    """The descriptions of resources."""

    def __init__(self, grants: Table, log: AuditLog) -> None:
        self._rows = grants
        self._audit = log

    async def application(self, key: ResourceKey) -> Application:
        """What is stored of a resource, by a point read."""
        row = await self._rows.get(key.catalog_id, _PREFIX + key.resource_id)
        return Application() if row is None else _application(row)

    async def get(self, key: ResourceKey) -> ResourceDescription | None:
        """A resource's description by a point read; ``None`` if it has none."""
        return (await self.application(key)).description

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
            if "DisplayName" not in row:  # its files are declared, and it is not described
                continue
            found[ResourceKey(catalog_id, row["RowKey"].removeprefix(_PREFIX))] = _description(row)
            if len(found) == at_most:
                break
        return found

    async def put(self, key: ResourceKey, application: Application, record: AuditRecord) -> Application:
        """Store what is known of a resource, and the audit record of the change, both or none.

        Args:
            key: the resource.
            application: what was read of it, with a change. If nothing is left, the row is removed.
            record: the audit record of the change.

        Returns:
            The same with its new ETag.

        Raises:
            ConcurrentChangeError: it was changed since it was read.
        """
        row = {"PartitionKey": key.catalog_id, "RowKey": _PREFIX + key.resource_id}
        entity = row | _described(application.description) | _declared(application)
        if len(entity) == len(row):
            await self._audit.submit([delete_unchanged_row(row, application.etag or ""), record])
            return Application()
        answers = await self._audit.submit([replace_row(entity, application.etag), record])
        return application._replace(etag=answers[0]["etag"])


def _described(description: ResourceDescription | None) -> dict[str, Any]:
    """The properties of a row that describe a resource."""
    if description is None:
        return {}
    rows, target = description.expected_rows, description.target
    entity = {
        "DisplayName": description.display_name,
        "Description": description.description,
        "Contact": description.contact,
        "ExpectedLayout": description.expected_layout,
        "ExpectedRows": None if rows is None else EntityProperty(rows, EdmType.INT64),
        "UpstreamCatalogId": target.catalog_id if target else None,
        "UpstreamResourceId": target.resource_id if target else None,
    }
    return {name: value for name, value in entity.items() if value is not None}


def _declared(application: Application) -> dict[str, Any]:
    """The properties of a row that say how files become rows."""
    if application.declaration is None:
        return {}
    declared = {"Import": json.dumps(application.declaration.as_json(), ensure_ascii=False)}
    # Version 1 expects that every row describes.
    return declared if application.description else declared | {VERSION: 2}


def _application(row: Mapping[str, Any]) -> Application:
    declared = row.get("Import")
    return Application(
        description=_description(row) if "DisplayName" in row else None,
        declaration=None if declared is None else Declaration.from_json(json.loads(declared)),
        etag=etag_of(row),
    )


def _description(row: Mapping[str, Any]) -> ResourceDescription:
    rows, target = row.get("ExpectedRows"), row.get("UpstreamResourceId")
    return ResourceDescription(
        display_name=row["DisplayName"],
        description=row.get("Description"),
        contact=row.get("Contact"),
        expected_layout=row.get("ExpectedLayout"),
        expected_rows=None if rows is None else rows.value,
        target=None if target is None else ResourceKey(row["UpstreamCatalogId"], target),
        etag=etag_of(row),
    )
