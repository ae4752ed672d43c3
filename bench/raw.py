"""The other side of each comparison: the same work done with the storage SDKs, without the service."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import EdmType, EntityProperty, UpdateMode
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobServiceClient

BLOCK_BYTES = 4 * 1024 * 1024
_CONTAINER = "bench"
_TABLE = "bench"
_THEN = datetime(2026, 1, 1, 0, 0, 0, 123000, UTC)
_PARTITION = "1b6f2d3c-8a47-4a3e-9a4d-0c5f6e7a8b90_2c7a3e4d-9b58-4b4f-8b5e-1d607f8b9ca1"


def session_row() -> dict[str, Any]:
    """An entity like that of a session: as many properties, of the same sizes."""
    return {
        "PartitionKey": _PARTITION,
        "RowKey": f"session:{uuid4()}",
        "Status": "active",
        "LastActive": _THEN,
        "ReviewDefinitionId": str(uuid4()),
        "ReferenceId": str(uuid4()),
        "FilesUploaded": 0,
        "TotalBytes": EntityProperty(0, EdmType.INT64),
        "OpenRefusals": 0,
    }


def file_row() -> dict[str, Any]:
    return {
        "PartitionKey": _PARTITION,
        "RowKey": f"file:{uuid4()}:{uuid4()}",
        "Name": "access.csv",
        "Size": EntityProperty(150_000, EdmType.INT64),
        "Sha256": "0" * 64,
        "Rows": EntityProperty(1000, EdmType.INT64),
        "Warnings": EntityProperty(0, EdmType.INT64),
        "Uploaded": _THEN,
    }


def blocks_of(data: bytes) -> list[bytes]:
    return [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]


class RawStorage:
    """A table and a container of the benchmark's own, on clients that live as long as it does."""

    def __init__(self, storage: str) -> None:
        self._blob_service = BlobServiceClient.from_connection_string(storage)
        self._table_service = TableServiceClient.from_connection_string(storage)
        self._blobs = self._blob_service.get_container_client(_CONTAINER)
        self._table = self._table_service.get_table_client(_TABLE)

    async def __aenter__(self) -> Self:
        """Make the table and the container, unless they are there."""
        with contextlib.suppress(ResourceExistsError):
            await self._blobs.create_container()
        await self._table_service.create_table_if_not_exists(_TABLE)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._blob_service.close()
        await self._table_service.close()

    async def put_blocks(self, blocks: Sequence[bytes], at_a_time: int) -> None:
        """Stage blocks, some at a time, and commit them."""
        blob = self._blobs.get_blob_client(str(uuid4()))
        names = [f"{number:06d}" for number in range(len(blocks))]
        todo = iter(zip(names, blocks, strict=True))

        async def stage() -> None:
            for name, block in todo:
                await blob.stage_block(name, block, length=len(block))

        await asyncio.gather(*(stage() for _ in range(at_a_time)))
        await blob.commit_block_list([BlobBlock(name) for name in names])

    async def put_blob(self, data: bytes) -> None:
        await self._blobs.get_blob_client(str(uuid4())).upload_blob(data, overwrite=True)

    async def insert(self) -> dict[str, Any]:
        row = session_row()
        await self._table.create_entity(row)
        return row

    async def add_file(self, session: dict[str, Any]) -> None:
        """One transaction: a file's row, and its session's."""
        update = ("update", session, {"mode": UpdateMode.REPLACE})
        await self._table.submit_transaction([("create", file_row()), update])

    async def read(self, session: dict[str, Any]) -> None:
        await self._table.get_entity(session["PartitionKey"], session["RowKey"])

    async def create(self, partition: str = _PARTITION) -> None:
        """What a create writes: an index row, and a session with its reference in one transaction."""
        session = session_row() | {"PartitionKey": partition}
        index = {
            "PartitionKey": "2026010100-0",
            "RowKey": str(uuid4()),
            "CatalogId": str(uuid4()),
            "ResourceId": str(uuid4()),
            "Due": _THEN,
        }
        await self._table.upsert_entity(index, mode=UpdateMode.REPLACE)
        reference = {"PartitionKey": partition, "RowKey": f"reference:{uuid4()}", "SessionId": str(uuid4())}
        await self._table.submit_transaction([("create", session), ("create", reference)])
