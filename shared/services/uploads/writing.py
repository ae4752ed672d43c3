"""The blobs of one file on its way into a session: the file as it was uploaded, and beside it its rows."""

import asyncio
import hashlib
from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol

from shared.access_data.findings import MadeRows
from shared.domain.sessions import SessionKey, StoredRows, UsedDirectory, rows_blob
from shared.storage.azure.blob_writer import BlobWriter
from shared.storage.azure.blobs import BlobStore


class Sink(Protocol):
    """Takes a file while it is received, and its rows."""

    async def write(self, data: bytes) -> None:
        """Take bytes of the file as it is uploaded."""

    async def write_rows(self, rows: bytes) -> None:
        """Take rows that were made of the file."""

    async def abandon(self) -> None:
        """Forget all of it."""


class FileWriter:
    """Writes both blobs. A file in Graph's form is its own rows, and has one blob only.

    Nothing is visible before ``commit``. ``abandon`` can be called at any time.
    """

    def __init__(self, blobs: BlobStore, key: SessionKey, file_id: str, opened: Awaitable[Any]) -> None:
        """Write for a new file. Nothing is staged before ``opened`` is done."""
        self._file = blobs.writer(key, file_id, opened)
        self._writer_of_rows = partial(blobs.writer, key, rows_blob(file_id), opened)
        self._rows: BlobWriter | None = None
        self._committed: list[BlobWriter] = []
        self._digest = hashlib.sha256()
        self._size = 0

    async def write(self, data: bytes) -> None:
        """Add bytes of the file as it is uploaded.

        Raises:
            AzureError: a block could not be staged.
        """
        await self._file.write(data)

    async def write_rows(self, rows: bytes) -> None:
        """Add rows that were made of the file.

        Raises:
            AzureError: a block could not be staged.
        """
        if self._rows is None:
            self._rows = self._writer_of_rows()
        self._digest.update(rows)
        self._size += len(rows)
        await self._rows.write(rows)

    async def settle_rows(self, made: MadeRows | None, directory: UsedDirectory | None = None) -> StoredRows | None:
        """What is remembered of the rows; ``None`` if none were written.

        If the file turned out to be its own rows, what was written is discarded.
        """
        if made is None and self._rows is not None:
            await self._rows.abandon()
            self._rows = None
        if made is None or self._rows is None:
            return None
        return StoredRows(
            self._size, self._digest.hexdigest(), made.steps, dict(made.matched), made.left_out, directory
        )

    async def commit(self) -> None:
        """Make what was written since the last commit visible.

        Raises:
            BlocksDiscardedError: a block is missing.
            AzureError: one of them could not be written.
        """
        writers = [writer for writer in self._writers if writer not in self._committed]
        results = await asyncio.gather(*(writer.commit() for writer in writers), return_exceptions=True)
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None:
            raise failure
        self._committed += writers

    async def abandon(self) -> None:
        """Discard everything, without an error and without a long wait."""
        await asyncio.gather(*(writer.abandon() for writer in self._writers))

    @property
    def _writers(self) -> list[BlobWriter]:
        return [self._file] if self._rows is None else [self._file, self._rows]
