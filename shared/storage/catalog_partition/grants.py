"""Stores grants: roles of a principal for one catalog or one resource, in table ``grants``, a partition per catalog."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from azure.data.tables import UpdateMode

from shared.domain.audit import AuditRecord
from shared.domain.callers import Grant, GrantKey, Role, strongest
from shared.domain.sessions import ResourceKey
from shared.storage.audit_log import AuditLog
from shared.storage.azure.table import Table


class GrantTable:
    """The rows of grants."""

    def __init__(self, grants: Table, log: AuditLog) -> None:
        self._grants = grants
        self._audit = log

    async def role(self, resource: ResourceKey, principals: Collection[str]) -> Role | None:
        """The best role that any of the principals has on a resource, by its own grants or those of its catalog.

        Two range queries at the same time. A single one with ``or`` would scan the partition, audit records included.
        The principals are not in the queries: a token may name 200 groups, and a filter takes 15 comparisons.
        """
        whole, part = await asyncio.gather(
            self._roles(resource.catalog_id, "catalog", principals),
            self._roles(resource.catalog_id, f"resource:{resource.resource_id}", principals),
        )
        return strongest(whole | part)

    async def get(self, key: GrantKey) -> Role | None:
        """The role of one grant by a point read; ``None`` if there is no such grant."""
        row = await self._grants.get(key.catalog_id, page_token(key))
        return None if row is None else Role(row["Role"])

    async def _roles(self, catalog_id: str, place: str, principals: Collection[str]) -> set[Role]:
        rows = self._grants.query(
            "PartitionKey eq @catalog and RowKey ge @first and RowKey lt @end",
            {"catalog": catalog_id, "first": f"{place}:", "end": f"{place};"},
            select=["RowKey", "Role"],
        )
        return {Role(row["Role"]) async for row in rows if row["RowKey"].rsplit(":", 1)[1] in principals}

    async def page(self, catalog_id: str, *, after: str | None, size: int) -> list[Grant]:
        """A catalog's grants sorted by their page tokens, starting after the token ``after``."""
        rows = self._grants.query(
            # From "catalog:" to "resource:...": what comes before are audit records.
            "PartitionKey eq @catalog and RowKey gt @after",
            {"catalog": catalog_id, "after": after or "catalog:"},
            page_size=size,
        )
        grants: list[Grant] = []
        async for row in rows:
            grants.append(_grant(row))
            if len(grants) == size:
                break
        return grants

    async def put(self, grant: Grant, record: AuditRecord) -> None:
        """Store a grant. It replaces the principal's grant for the same catalog or resource."""
        row = {"PartitionKey": grant.key.catalog_id, "RowKey": page_token(grant.key), "Role": grant.role.value}
        await self._audit.submit([("upsert", row, {"mode": UpdateMode.REPLACE}), record])

    async def delete(self, key: GrantKey, record: AuditRecord) -> None:
        """Remove a grant.

        Raises:
            ConcurrentChangeError: there is none.
        """
        row = {"PartitionKey": key.catalog_id, "RowKey": page_token(key)}
        await self._audit.submit([("delete", row, {}), record])


def page_token(key: GrantKey) -> str:
    """The position of a grant in its catalog: its row key. Every part is a GUID or a fixed word."""
    place = "catalog" if key.resource_id is None else f"resource:{key.resource_id}"
    return f"{place}:{key.principal_id}"


def _grant(row: Mapping[str, Any]) -> Grant:
    *place, principal_id = row["RowKey"].split(":")
    resource_id = place[1] if len(place) > 1 else None
    return Grant(GrantKey(row["PartitionKey"], resource_id, principal_id), Role(row["Role"]))
