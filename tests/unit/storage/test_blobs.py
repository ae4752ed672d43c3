"""Writers that share the blocks in flight of a process, and deletions of several blobs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob.aio import BlobClient, ContainerClient

from shared.domain.sessions import ResourceKey, SessionKey
from shared.storage.azure import blobs
from shared.storage.azure.blob_writer import BlobWriter, InContainer
from tests.support.in_process import own_context
from tests.support.invariants import Storage

BLOCK_BYTES = 64 * 1024
BLOCKS = 5
CONTENT = [bytes([number]) * BLOCK_BYTES for number in range(BLOCKS)]


@asynccontextmanager
async def _container(storage: Storage) -> AsyncIterator[ContainerClient]:
    async with ContainerClient.from_connection_string(storage.connection_string, "blocks") as container:
        with suppress(ResourceExistsError):
            await container.create_container()
        yield container


def _writer(blob: BlobClient, in_flight: asyncio.Semaphore, in_container: InContainer) -> BlobWriter:
    opened = asyncio.get_running_loop().create_future()
    opened.set_result(None)
    return BlobWriter(blob, opened, in_container=in_container, block_bytes=BLOCK_BYTES, in_flight=in_flight)


async def test_writers_share_the_blocks_in_flight(storage: Storage) -> None:
    in_flight = asyncio.Semaphore(2)
    staging = most = 0

    async def counted(call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal staging, most
        staging += 1
        most = max(most, staging)
        try:
            return await call()
        finally:
            staging -= 1

    async with _container(storage) as container:
        blobs = [container.get_blob_client(str(uuid4())) for _ in range(4)]

        async def write(blob: BlobClient) -> None:
            writer = _writer(blob, in_flight, counted)
            for block in CONTENT:
                await writer.write(block)
            await writer.commit()

        await asyncio.gather(*(write(blob) for blob in blobs))
        written = [await (await blob.download_blob()).readall() for blob in blobs]

    assert most == 2
    assert written == [b"".join(CONTENT)] * len(blobs)


async def test_a_block_that_fails_makes_room_for_those_of_others(storage: Storage) -> None:
    in_flight = asyncio.Semaphore(1)

    async def fail(_: Callable[[], Awaitable[Any]]) -> Any:
        raise AzureError("this block cannot be staged")

    async def succeed(call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    async with _container(storage) as container:
        failing = _writer(container.get_blob_client(str(uuid4())), in_flight, fail)
        blob = container.get_blob_client(str(uuid4()))
        writer = _writer(blob, in_flight, succeed)
        await failing.write(CONTENT[0])
        for block in CONTENT:
            await writer.write(block)
        await writer.commit()
        with pytest.raises(AzureError, match="this block"):
            await failing.commit()
        written = await (await blob.download_blob()).readall()

    assert written == b"".join(CONTENT)


async def test_deletions_have_ended_when_one_of_them_has_failed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    ended: list[str] = []

    async def delete(blob: BlobClient) -> None:
        name = blob.blob_name.rsplit("/", 1)[1]
        begun.append(name)
        if name == "1":
            raise AzureError("this blob cannot be deleted")
        await asyncio.sleep(0.01)
        ended.append(name)

    monkeypatch.setattr(blobs, "delete_blob", delete)
    async with own_context(storage) as context:
        key = SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4()))
        with pytest.raises(AzureError):
            await context.storage.blobs.delete(key, [str(number) for number in range(100)])

    assert sorted([*ended, "1"]) == sorted(begun)
    assert len(begun) < 100, "no more were begun"
