"""The storage clients of this process, created at the first request."""

import asyncio
from dataclasses import dataclass, field

from azure.data.tables.aio import TableServiceClient

from shared.core.settings import Settings, settings
from shared.storage.access_index import AccessIndex
from shared.storage.audit_log import AuditLog
from shared.storage.blobs import BlobStore
from shared.storage.grant_table import GRANTS_TABLE, GrantTable
from shared.storage.quotas import Quotas
from shared.storage.resource_table import ResourceTable
from shared.storage.session_table import SESSIONS_TABLE, SessionTable
from shared.storage.table_calls import connect_tables


@dataclass(slots=True)
class Storage:
    """The tables and the container of one account: sessions, files, grants, audit log and quotas."""

    tables: TableServiceClient
    table: SessionTable
    blobs: BlobStore
    grants: GrantTable
    access: AccessIndex
    resources: ResourceTable
    audit: AuditLog
    quotas: Quotas
    _creating: asyncio.Lock = field(default_factory=asyncio.Lock)
    _created: bool = False

    @classmethod
    def connect(cls, config: Settings) -> "Storage":
        """The storage account of the settings. No request is sent yet."""
        tables = connect_tables(config)
        audit = AuditLog(tables, sessions=SESSIONS_TABLE, grants=GRANTS_TABLE)
        table = SessionTable(tables, audit)
        quotas = Quotas(tables, table, config)
        return cls(
            tables,
            table,
            BlobStore.connect(config),
            GrantTable(tables, audit),
            AccessIndex(tables),
            ResourceTable(tables, audit),
            audit,
            quotas,
        )

    async def create(self) -> None:
        """Create the tables and the container if they are missing. Does nothing once that has succeeded."""
        if self._created:
            return
        async with self._creating:
            if not self._created:
                await asyncio.gather(
                    self.table.create_tables(),
                    self.blobs.create_container(),
                    self.grants.create_table(),
                    self.access.create_table(),
                    self.audit.create_table(),
                    self.quotas.create_table(),
                )
                self._created = True

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(self.tables.close(), self.blobs.close())


_storage: Storage | None = None


async def storage() -> Storage:
    """The storage account of the settings, with its tables and container created.

    Raises:
        AzureError: storage does not respond or is not configured. The next call tries again.
    """
    global _storage  # noqa: PLW0603  # one per process, as Azure recommends for its clients
    if _storage is None:
        _storage = Storage.connect(settings())
    await _storage.create()
    return _storage


async def close_storage() -> None:
    """Close the clients of this process when the host shuts down. The next call of ``storage`` creates new ones."""
    global _storage  # see above
    closing, _storage = _storage, None
    if closing is not None:
        await closing.close()
