"""Stages, commits, reads and deletes the files' bytes in Blob Storage.

Each file is one blob in container ``uploads``, under ``catalog/resource/session/``. The blob's name is the file's id,
never the caller's file name. An id is used for one attempt only, so that leftovers of a failed attempt cannot disturb
the next one.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, StorageErrorCode
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient, ExponentialRetry

from shared.core.settings import MIB, Settings
from shared.domain.sessions import SessionKey
from shared.storage.azure.connections import Names, connect

MANIFEST = "manifest.json"

# Bytes of a block that the transport is given at a time, if they come in smaller pieces.
_SEND_BYTES = 256 * 1024

# Smaller pieces are joined: a bytes object has an overhead of 33 bytes, and some clients send two bytes at a time.
_LEAST_PIECE_BYTES = 1024

# The most bytes that a call reads.
READ_BYTES = 4 * MIB

# How long an answer may be delayed by the removal of what was written for nothing.
_ABANDON_SECONDS = 2

# Number of blobs deleted at the same time.
_DELETES_IN_FLIGHT = 8

Result = TypeVar("Result")
InContainer = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]

_log = logging.getLogger("uploads.storage")

_CALL_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 6,
    # What is read with one call is in memory at once; the SDK's default for the first call is 32 MiB.
    "max_single_get_size": READ_BYTES,
    "max_chunk_get_size": READ_BYTES,
}


class BlocksDiscardedError(AzureError):
    """Blocks of a blob are missing, as when its session was deleted while they were staged."""


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

    def writer(self, key: SessionKey, file_id: str, opened: Awaitable[Any]) -> "BlobWriter":
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
        """Delete blobs, including those with uncommitted blocks only. Missing ones are no error."""
        limit = asyncio.Semaphore(_DELETES_IN_FLIGHT)

        async def delete(name: str) -> None:
            async with limit:
                blob = self._container.get_blob_client(_prefix(key) + name)
                await self._in_container(lambda: _delete(blob))

        await asyncio.gather(*(delete(name) for name in names))

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


class BlobWriter:
    """One attempt to write one blob: a single Put Blob if it fits into one block, else staged blocks.

    Blocks are staged while the next ones are received; all writers together stage a bounded number at a time. Nothing
    is visible before ``commit``. Memory: the blocks that are being staged, and the one that is being filled.
    """

    def __init__(
        self,
        blob: BlobClient,
        opened: Awaitable[Any],
        *,
        in_container: InContainer,
        block_bytes: int,
        in_flight: asyncio.Semaphore,
    ) -> None:
        """Write to a new blob.

        Args:
            blob: where to write.
            opened: no block is staged before it is done; an exception of it is raised by ``write``.
            in_container: makes a call that needs the container.
            block_bytes: size of a block.
            in_flight: limits the blocks that are being staged.
        """
        self._blob = blob
        self._in_container = in_container
        self._opened = opened
        self._block_bytes = block_bytes
        self._in_flight = in_flight
        self._pieces: list[bytes] = []
        self._held = 0
        self._blocks: list[BlobBlock] = []
        self._staging: set[asyncio.Future[Any]] = set()
        self._sent = False

    async def write(self, data: bytes) -> None:
        """Add bytes. Waits while as many blocks as allowed are being staged.

        Raises:
            AzureError: a block could not be staged.
        """
        if self._pieces and len(self._pieces[-1]) < _LEAST_PIECE_BYTES:
            self._pieces[-1] += data
        else:
            self._pieces.append(data)
        self._held += len(data)
        if self._held >= self._block_bytes:
            await self._stage()

    async def commit(self) -> None:
        """Make the whole blob visible.

        Raises:
            BlocksDiscardedError: a block is missing.
            AzureError: it could not be written.
        """
        if not self._blocks:
            self._sent = True
            content = b"".join(self._pieces)
            self._pieces.clear()
            await self._in_container(lambda: self._blob.upload_blob(content, overwrite=True))
            return
        if self._pieces:
            await self._stage()
        await asyncio.gather(*self._staging)
        try:
            await self._blob.commit_block_list(self._blocks)
        except HttpResponseError as error:
            if getattr(error, "error_code", None) != StorageErrorCode.INVALID_BLOCK_LIST:
                raise
            raise BlocksDiscardedError("blocks were discarded while others were staged") from error

    async def discard(self) -> None:
        """Delete everything that was written, committed or not. Can be called at any time."""
        # Wait for blocks in flight: a cancelled one might still arrive after the rest was deleted. A caller that cannot
        # wait cancels this call; late blocks are then deleted when the session ends.
        await asyncio.gather(*self._staging, return_exceptions=True)
        self._pieces.clear()
        if self._sent:
            await self._in_container(lambda: _delete(self._blob))
            self._sent = False

    async def abandon(self) -> None:
        """Discard, without an error and without a long wait: what is left is removed when the session ends."""
        with suppress(AzureError, TimeoutError):
            async with asyncio.timeout(_ABANDON_SECONDS):
                await self.discard()

    async def _stage(self) -> None:
        pieces, length = self._pieces, self._held
        self._pieces, self._held = [], 0
        await self._opened
        await self._in_flight.acquire()
        # All block ids of a blob must have the same length ("Put Block", Azure Storage).
        block_id = f"{len(self._blocks):06d}"
        self._blocks.append(BlobBlock(block_id))
        self._sent = True
        body: Any = _Body(pieces)
        staging = asyncio.ensure_future(
            self._in_container(lambda: self._blob.stage_block(block_id, body, length=length))
        )
        staging.add_done_callback(lambda _: self._in_flight.release())
        self._staging.add(staging)
        done = {block for block in self._staging if block.done()}
        self._staging -= done
        # Unlike a loop over their results, it hears each of several failures.
        await asyncio.gather(*done)


class _Body:
    """The pieces of a block, given to the transport a few at a time, and again from the start if the SDK retries.

    Given a whole block, the transport would copy it, and move the rest of it at each send.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent: list[bytes] = []
        length = 0
        for piece in self._pieces:
            sent.append(piece)
            length += len(piece)
            if length >= _SEND_BYTES:
                yield b"".join(sent)
                sent, length = [], 0
        if sent:
            yield b"".join(sent)


@contextmanager
def _ignore_existing(*codes: StorageErrorCode) -> Iterator[None]:
    """Ignore that it exists already. The SDK raises the same error for any 409, such as ContainerBeingDeleted."""
    try:
        yield
    except HttpResponseError as error:
        if getattr(error, "error_code", None) not in codes:
            raise


async def _delete(blob: BlobClient) -> None:
    """Delete a blob. One with uncommitted blocks only is not found, but an empty Put Blob discards them."""
    try:
        await blob.delete_blob()
    except ResourceNotFoundError:
        await blob.upload_blob(b"", overwrite=True)
        # Another process that does the same may have deleted the empty blob already.
        with suppress(ResourceNotFoundError):
            await blob.delete_blob()


def _prefix(key: SessionKey) -> str:
    return f"{key.resource.catalog_id}/{key.resource.resource_id}/{key.session_id}/"
