"""Stores grants: roles of a principal for one catalog or one resource, in table ``grants``, a partition per catalog."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from shared.domain.audit import AuditRecord
from shared.domain.callers import Caller, Grant, GrantKey, Right, Role, right_of
from shared.domain.sessions import ResourceKey
from shared.storage.audit_log import AuditLog
from shared.storage.azure.table import MAX_PAGE, Table, delete_unchanged_row, etag_of, first_rows, replace_row

# How many rows a query for the grants of several principals reads at a time, for each of them.
_ROWS_FOR_EACH = 10


class GrantTable:
    """The rows of grants."""

    def __init__(self, grants: Table, log: AuditLog) -> None:
        self._grants = grants
        self._audit = log

    async def right(self, resource: ResourceKey, caller: Caller, *, enough: Right) -> Right | None:
        """The most that a caller may do with a resource, by grants for it or for its catalog; ``None`` without any.

        The grants of groups are read only if the caller's own give less than ``enough``.
        """
        own = await self._most(resource, {caller.object_id})
        if not caller.groups or (own is not None and own >= enough):
            return own
        of_groups = await self._most(resource, caller.groups)
        return max((each for each in (own, of_groups) if each is not None), default=None)

    async def _most(self, resource: ResourceKey, principals: Collection[str]) -> Right | None:
        """The most that some principals may do. A single query with ``or`` would scan the partition and its audit."""
        whole, part = await asyncio.gather(
            self._rights(resource.catalog_id, "catalog", principals),
            self._rights(resource.catalog_id, f"resource:{resource.resource_id}", principals),
        )
        return max(whole | part, default=None)

    async def get(self, key: GrantKey) -> Grant | None:
        """One grant by a point read; ``None`` if there is no such grant."""
        row = await self._grants.get(key.catalog_id, page_token(key))
        return None if row is None else _grant(row)

    async def _rights(self, catalog_id: str, place: str, principals: Collection[str]) -> set[Right]:
        """The rights of some principals: range queries from the first principal to the last, in small pages.

        After each page it goes on at the next principal. So no more is read than there are grants, and few if there are
        few principals: one of one. A filter could not name them, since a token may have 200 groups.
        """
        left, rights = sorted(principals), set[Right]()
        while left:
            size = min(_ROWS_FOR_EACH * len(left), MAX_PAGE)
            query = self._grants.query(
                "PartitionKey eq @catalog and RowKey ge @first and RowKey le @last",
                {"catalog": catalog_id, "first": f"{place}:{left[0]}", "last": f"{place}:{left[-1]}"},
                select=["RowKey", "Role", "MayDeclare"],
                page_size=size,
            )
            found = {row["RowKey"].rsplit(":", 1)[1]: _right(row) for row in await first_rows(query, size)}
            rights |= {found[each] for each in left if each in found}
            left = [each for each in left if each > max(found)] if len(found) == size else []
        return rights

    async def page(self, catalog_id: str, *, after: str | None, size: int) -> list[Grant]:
        """A catalog's grants sorted by their page tokens, starting after the token ``after``."""
        rows = self._grants.query(
            # From "catalog:" to "resource:...": what comes before are audit records.
            "PartitionKey eq @catalog and RowKey gt @after",
            {"catalog": catalog_id, "after": after or "catalog:"},
            page_size=size,
        )
        return [_grant(row) for row in await first_rows(rows, size)]

    async def put(self, grant: Grant, record: AuditRecord, *, replaced: str | None) -> Grant:
        """Store a grant; returns it with its ETag.

        Args:
            grant: the grant.
            record: the audit record of the change.
            replaced: the ETag of the grant that it replaces, the principal's for the same place; ``None`` if none.

        Raises:
            ConcurrentChangeError: another one is there now.
        """
        row: dict[str, Any] = {
            "PartitionKey": grant.key.catalog_id,
            "RowKey": page_token(grant.key),
            "Role": grant.role.value,
        }
        if grant.may_declare:
            row["MayDeclare"] = True
        if grant.display_name:
            row["DisplayName"] = grant.display_name
        answers = await self._audit.submit([replace_row(row, replaced), record])
        return grant._replace(etag=answers[0]["etag"])

    async def delete(self, grant: Grant, record: AuditRecord) -> None:
        """Remove a grant as it was read.

        Raises:
            ConcurrentChangeError: it was changed or removed since.
        """
        row = {"PartitionKey": grant.key.catalog_id, "RowKey": page_token(grant.key)}
        await self._audit.submit([delete_unchanged_row(row, grant.etag), record])


def page_token(key: GrantKey) -> str:
    """The position of a grant in its catalog: its row key. Every part is a GUID or a fixed word."""
    place = "catalog" if key.resource_id is None else f"resource:{key.resource_id}"
    return f"{place}:{key.principal_id}"


def _grant(row: Mapping[str, Any]) -> Grant:
    *place, principal_id = row["RowKey"].split(":")
    resource_id = place[1] if len(place) > 1 else None
    key = GrantKey(row["PartitionKey"], resource_id, principal_id)
    return Grant(key, Role(row["Role"]), row.get("MayDeclare", False), row.get("DisplayName"), etag_of(row))


def _right(row: Mapping[str, Any]) -> Right:
    return right_of(Role(row["Role"]), may_declare=row.get("MayDeclare", False))
