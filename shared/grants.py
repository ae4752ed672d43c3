"""Table ``grants``: who may read or own one catalog, or one resource, without a permission for the whole tenant.

One partition a catalog: what a request needs to know, the grants of its catalog and of its resource, is one query.
"""

from collections.abc import Collection, Mapping
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.callers import Grant, GrantKey, Role
from shared.connections import connect
from shared.lifecycle import ResourceKey
from shared.settings import Settings
from shared.tables import CALL_OPTIONS, reraise_missing_table

GRANTS_TABLE = "grants"


class GrantTable:
    """The rows of grants."""

    def __init__(self, service: TableServiceClient) -> None:
        self._service = service
        self._grants: TableClient = service.get_table_client(GRANTS_TABLE)

    @classmethod
    def connect(cls, settings: Settings) -> "GrantTable":
        """Table Storage as the settings name it; nothing is sent yet."""
        return cls(connect(TableServiceClient, settings.storage, settings.table_service_uri, **CALL_OPTIONS))

    async def create_table(self) -> None:
        """Make the table unless it is there."""
        await self._service.create_table_if_not_exists(GRANTS_TABLE)

    async def role(self, resource: ResourceKey, principals: Collection[str]) -> Role | None:
        """The best role that any of the principals has on a resource, by its own grants or its catalog's: one query.

        The principals stay out of the query: a token may name 200 groups, and a filter takes 15 comparisons.
        """
        rows = self._grants.query_entities(
            # Without brackets, which the SDK would take for a part of a parameter's name; "and" binds tighter anyway.
            "PartitionKey eq @catalog and RowKey ge @whole and RowKey lt @whole_end "
            "or PartitionKey eq @catalog and RowKey ge @part and RowKey lt @part_end",
            parameters={
                "catalog": resource.catalog_id,
                "whole": "catalog:",
                "whole_end": "catalog;",
                "part": f"resource:{resource.resource_id}:",
                "part_end": f"resource:{resource.resource_id};",
            },
            select=["RowKey", "Role"],
        )
        roles = {Role(row["Role"]) async for row in rows if row["RowKey"].rsplit(":", 1)[1] in principals}
        return Role.OWNER if Role.OWNER in roles else next(iter(roles), None)

    async def page(self, catalog_id: str, *, after: str | None, size: int) -> list[Grant]:
        """A catalog's grants in the order of their tokens, beginning behind the token ``after``."""
        rows = self._grants.query_entities(
            "PartitionKey eq @catalog and RowKey gt @after",
            parameters={"catalog": catalog_id, "after": after or ""},
            results_per_page=size,
        )
        grants: list[Grant] = []
        async for row in rows:
            grants.append(_grant(row))
            if len(grants) == size:
                break
        return grants

    async def put(self, grant: Grant) -> None:
        """Store a grant; it replaces the one that this principal has there."""
        await self._grants.upsert_entity(
            {"PartitionKey": grant.key.catalog_id, "RowKey": page_token(grant.key), "Role": grant.role.value},
            mode=UpdateMode.REPLACE,
        )

    async def delete(self, key: GrantKey) -> bool:
        """Remove a grant; whether there was one."""
        try:
            # By a read: the SDK does not say of a row that it deletes whether it was there.
            await self._grants.get_entity(key.catalog_id, page_token(key), select=["RowKey"])
        except ResourceNotFoundError as error:
            reraise_missing_table(error)
            return False
        await self._grants.delete_entity(key.catalog_id, page_token(key))
        return True


def page_token(key: GrantKey) -> str:
    """Where a grant stands in its catalog's order: its row key. Every part is a GUID or a word of ours."""
    place = "catalog" if key.resource_id is None else f"resource:{key.resource_id}"
    return f"{place}:{key.principal_id}"


def _grant(row: Mapping[str, Any]) -> Grant:
    *place, principal_id = row["RowKey"].split(":")
    resource_id = place[1] if len(place) > 1 else None
    return Grant(GrantKey(row["PartitionKey"], resource_id, principal_id), Role(row["Role"]))
