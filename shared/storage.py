"""The storage of this process: its clients are made once, at the first request and not at import."""

import asyncio
from dataclasses import dataclass, field

from shared.blobs import BlobStore
from shared.grants import GrantTable
from shared.settings import settings
from shared.tables import SessionTable


@dataclass(slots=True)
class Storage:
    """Where sessions and their files are, and who may reach them."""

    table: SessionTable
    blobs: BlobStore
    grants: GrantTable
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)
    _made: bool = False

    async def make(self) -> None:
        """Make the tables and the container unless they are there, until that has worked once."""
        if self._made:
            return
        async with self._making:
            if not self._made:
                await asyncio.gather(
                    self.table.create_tables(), self.blobs.create_container(), self.grants.create_table()
                )
                self._made = True


_storage: Storage | None = None


async def storage() -> Storage:
    """The storage that the settings name, ready for use.

    Raises:
        AzureError: it does not answer, or is not set; the next call tries again.
    """
    global _storage  # noqa: PLW0603  # one a process, as Azure recommends for its clients
    if _storage is None:
        config = settings()
        _storage = Storage(SessionTable.connect(config), BlobStore.connect(config), GrantTable.connect(config))
    await _storage.make()
    return _storage
