"""The storage of this process: its clients are made once, at the first request and not at import."""

import asyncio
from dataclasses import dataclass, field

from azure.data.tables.aio import TableServiceClient

from shared.core.settings import Settings, settings
from shared.storage.audit_log import AuditLog
from shared.storage.blobs import BlobStore
from shared.storage.grant_table import GRANTS_TABLE, GrantTable
from shared.storage.quotas import Quotas
from shared.storage.session_table import SESSIONS_TABLE, SessionTable
from shared.storage.table_calls import connect_tables


@dataclass(slots=True)
class Storage:
    """Where sessions and their files are, how many there may be, who may reach them, and who did."""

    tables: TableServiceClient
    table: SessionTable
    blobs: BlobStore
    grants: GrantTable
    audit: AuditLog
    quotas: Quotas
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)
    _made: bool = False

    @classmethod
    def connect(cls, config: Settings) -> "Storage":
        """Storage as the settings name it; nothing is sent yet."""
        tables = connect_tables(config)
        audit = AuditLog(tables, sessions=SESSIONS_TABLE, grants=GRANTS_TABLE)
        table = SessionTable(tables, audit)
        quotas = Quotas(tables, table, config)
        return cls(tables, table, BlobStore.connect(config), GrantTable(tables, audit), audit, quotas)

    async def make(self) -> None:
        """Make the tables and the container unless they are there, until that has worked once."""
        if self._made:
            return
        async with self._making:
            if not self._made:
                await asyncio.gather(
                    self.table.create_tables(),
                    self.blobs.create_container(),
                    self.grants.create_table(),
                    self.audit.create_table(),
                    self.quotas.create_table(),
                )
                self._made = True

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(self.tables.close(), self.blobs.close())


_storage: Storage | None = None


async def storage() -> Storage:
    """The storage that the settings name, ready for use.

    Raises:
        AzureError: it does not answer, or is not set; the next call tries again.
    """
    global _storage  # noqa: PLW0603  # one a process, as Azure recommends for its clients
    if _storage is None:
        _storage = Storage.connect(settings())
    await _storage.make()
    return _storage


async def close_storage() -> None:
    """Close the clients of this process, for a host that ends in good order; the next call makes new ones."""
    global _storage  # see above
    closing, _storage = _storage, None
    if closing is not None:
        await closing.close()
