"""Reads, lists and deletes the files' bytes in Blob Storage; ``blob_writer`` writes them.

Each file is one blob in container ``uploads``, under ``catalog/resource/session/``. The blob's name is the file's id,
never the caller's file name. An id is used for one attempt only, so that leftovers of a failed attempt cannot disturb
the next one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import StorageErrorCode
from azure.storage.blob.aio import BlobServiceClient, ContainerClient, ExponentialRetry

from shared.core.settings import MIB, Settings
from shared.domain.sessions import SessionKey
from shared.storage.azure.blob_writer import BlobWriter, delete_blob
from shared.storage.azure.connections import Names, connect

MANIFEST = "manifest.json"

# The most bytes that a call reads.
READ_BYTES = 4 * MIB

# Number of blobs deleted at the same time.
_DELETES_IN_FLIGHT = 8

Result = TypeVar("Result")

_log = logging.getLogger("uploads.storage")

_CALL_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 6,
    # What is read with one call is in memory at once; the SDK's default for the first call is 32 MiB.
    "max_single_get_size": READ_BYTES,
    "max_chunk_get_size": READ_BYTES,
}


class BlobStore:
    """The blobs of all sessions."""

    def __init__(self, service: BlobServiceClient, container: str, *, block_bytes: int, blocks_in_flight: int) -> None:
        self._service = service
        self._container: ContainerClient = service.get_container_client(container)
        self._block_bytes = block_bytes
        self._in_flight = asyncio.Semaphore(blocks_in_flight)

    @classmethod
    def connect(cls, settings: Settings) -> "BlobStore":
        """The Blob Storage account of the settings. No request is sent yet."""
        retry = ExponentialRetry(
            initial_backoff=1, increment_base=2, retry_total=2, retry_read=1, random_jitter_range=1
        )
        service = connect(BlobServiceClient, settings, settings.blob_endpoint, retry_policy=retry, **_CALL_OPTIONS)
        container = Names.prefixed(settings.name_prefix).uploads
        return cls(service, container, block_bytes=settings.block_bytes, blocks_in_flight=settings.blocks_in_flight)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()

    async def create_container(self) -> None:
        """Create the container if it is missing."""
        with _ignore_existing(StorageErrorCode.CONTAINER_ALREADY_EXISTS):
            await self._container.create_container()

    async def ping(self) -> None:
        """See that Blob Storage answers: one read of the container's properties.

        Raises:
            AzureError: it does not.
        """
        await self._in_container(self._container.get_container_properties)

    def writer(self, key: SessionKey, file_id: str, opened: Awaitable[Any]) -> BlobWriter:
        """A writer for a new blob. It stages nothing before ``opened`` is done."""
        blob = self._container.get_blob_client(_prefix(key) + file_id)
        return BlobWriter(
            blob,
            opened,
            in_container=self._in_container,
            block_bytes=self._block_bytes,
            in_flight=self._in_flight,
        )

    async def read(
        self, key: SessionKey, file_id: str, *, first: int, length: int, block_bytes: int
    ) -> AsyncIterator[bytes]:
        """``length`` bytes of a file from the byte ``first`` on, in blocks of ``block_bytes``, one call for each.

        The first block has been read when this returns, so that a failure is still reported.

        Raises:
            ResourceNotFoundError: there is no such blob.
        """
        blob, end = self._container.get_blob_client(_prefix(key) + file_id), first + length

        async def block(at: int) -> bytes:
            download = await blob.download_blob(offset=at, length=min(block_bytes, end - at))
            return await download.readall()

        read = [await block(first)]

        async def blocks() -> AsyncIterator[bytes]:
            # Not kept here while the reader takes its time.
            yield read.pop()
            for at in range(first + block_bytes, end, block_bytes):
                yield await block(at)

        return blocks()

    async def put_manifest(self, key: SessionKey, manifest: bytes) -> None:
        """Write the manifest of a complete session. An existing manifest is not changed."""
        blob = self._container.get_blob_client(_prefix(key) + MANIFEST)
        with _ignore_existing(StorageErrorCode.BLOB_ALREADY_EXISTS, StorageErrorCode.CONDITION_NOT_MET):
            await self._in_container(lambda: blob.upload_blob(manifest, overwrite=False))

    async def names(self, key: SessionKey) -> list[str]:
        """Names of a session's blobs, including those with uncommitted blocks only: file ids and the manifest."""
        prefix = _prefix(key)

        async def names() -> list[str]:
            blobs = self._container.list_blobs(name_starts_with=prefix, include=["uncommittedblobs"])
            return [blob.name.removeprefix(prefix) async for blob in blobs]

        return await self._in_container(names)

    async def delete(self, key: SessionKey, names: list[str]) -> None:
        """Delete blobs, including those with uncommitted blocks only. Missing ones are no error.

        Raises:
            AzureError: one could not be deleted. None is being deleted any more then: ``delete_blob`` may write an
                empty blob, which must not happen after another call has removed everything.
        """
        limit, failures = asyncio.Semaphore(_DELETES_IN_FLIGHT), list[AzureError]()

        async def delete(name: str) -> None:
            async with limit:
                if failures:
                    return
                blob = self._container.get_blob_client(_prefix(key) + name)
                try:
                    await self._in_container(lambda: delete_blob(blob))
                except AzureError as error:
                    failures.append(error)

        await asyncio.gather(*(delete(name) for name in names))
        if failures:
            raise failures[0]

    async def _in_container(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Make a call; if the container is missing, create it and make the call once more."""
        try:
            return await call()
        except ResourceNotFoundError as error:
            if getattr(error, "error_code", None) != StorageErrorCode.CONTAINER_NOT_FOUND:
                raise
            _log.warning("container %s was missing and is created", self._container.container_name)
            await self.create_container()
            return await call()


@contextmanager
def _ignore_existing(*codes: StorageErrorCode) -> Iterator[None]:
    """Ignore that it exists already. The SDK raises the same error for any 409, such as ContainerBeingDeleted."""
    try:
        yield
    except HttpResponseError as error:
        if getattr(error, "error_code", None) not in codes:
            raise


def _prefix(key: SessionKey) -> str:
    return f"{key.resource.catalog_id}/{key.resource.resource_id}/{key.session_id}/"
