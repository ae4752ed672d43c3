"""Table ``callers``: the sessions that a caller created, so that the active ones of a caller can be counted."""

from shared.domain.sessions import ResourceKey, SessionKey
from shared.storage.azure.table import Table


class CallerIndex:
    """The rows of the index. A row may point to a session that is no longer active, or was never created."""

    def __init__(self, callers: Table) -> None:
        self._callers = callers

    async def put(self, caller_id: str, key: SessionKey) -> None:
        """Add a session to a caller's list; adding it again changes nothing."""
        row = {"CatalogId": key.resource.catalog_id, "ResourceId": key.resource.resource_id}
        await self._callers.upsert(row | {"PartitionKey": caller_id, "RowKey": key.session_id})

    async def remove(self, caller_id: str, session_id: str) -> None:
        """Remove a session from a caller's list; one that is not in it is no error."""
        await self._callers.delete(caller_id, session_id)

    async def sessions(self, caller_id: str) -> list[SessionKey]:
        """The sessions in a caller's list."""
        rows = self._callers.query("PartitionKey eq @caller", {"caller": caller_id})
        return [SessionKey(ResourceKey(row["CatalogId"], row["ResourceId"]), row["RowKey"]) async for row in rows]
