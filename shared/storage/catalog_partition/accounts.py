"""Applications' own lists of accounts: in table ``grants``, in their catalog's partition, beside its audit records."""

from shared.domain.accounts import AccountList
from shared.domain.audit import AuditRecord
from shared.domain.sessions import ResourceKey
from shared.storage.audit_log import AuditLog
from shared.storage.azure.packed import packed, unpacked
from shared.storage.azure.table import Table, delete_unchanged_row, etag_of, replace_row

# Sorts before the rows of applications, audit records and grants, whose ranges therefore never meet these.
_PREFIX = "accounts:"


class AccountTable:
    """The lists, one of a resource at most."""

    def __init__(self, grants: Table, log: AuditLog) -> None:
        self._rows = grants
        self._audit = log

    async def get(self, key: ResourceKey) -> AccountList | None:
        """A resource's list by a point read; ``None`` if it has none."""
        row = await self._rows.get(key.catalog_id, _PREFIX + key.resource_id)
        return None if row is None else AccountList(unpacked(row), row["Accounts"], etag_of(row))

    async def put(
        self, key: ResourceKey, accounts: AccountList, record: AuditRecord, *, replaced: str | None
    ) -> AccountList:
        """Store a list, and the audit record of the change, both or none; returns it with its ETag.

        Args:
            key: the resource.
            accounts: the list.
            record: the audit record of the change.
            replaced: the ETag of the list that it replaces; ``None`` if there is none.

        Raises:
            ConcurrentChangeError: another one is there now.
        """
        row = {**_keys(key), "Accounts": accounts.accounts, **packed(accounts.content)}
        answers = await self._audit.submit([replace_row(row, replaced), record])
        return accounts._replace(etag=answers[0]["etag"])

    async def delete(self, key: ResourceKey, etag: str, record: AuditRecord) -> None:
        """Remove the list with an ETag.

        Raises:
            ConcurrentChangeError: it was changed or removed since it was read.
        """
        await self._audit.submit([delete_unchanged_row(_keys(key), etag), record])


def _keys(key: ResourceKey) -> dict[str, str]:
    return {"PartitionKey": key.catalog_id, "RowKey": _PREFIX + key.resource_id}
