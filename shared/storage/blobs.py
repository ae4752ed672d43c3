"""Blob Storage: staging, committing, reading and sweeping the files' bytes.

One blob a file, in container ``uploads``, under ``catalog/resource/session/``, named by the file's id and never by the
caller's name. An id is used for one attempt only: what a failed attempt left behind would stand in a second one's way.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, StorageErrorCode
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient, ExponentialRetry

from shared.core.settings import MIB, Settings
from shared.domain.lifecycle import SessionKey
from shared.storage.connections import connect

CONTAINER = "uploads"
MANIFEST = "manifest.json"

# Of a block's pieces, which have up to 64 KiB: how many the transport gets at a time.
_PIECES_A_SEND = 8

# What is smaller is put together: two bytes as an object of their own take fifty, and some send two at a time.
_LEAST_PIECE_BYTES = 1024

# How many blobs are removed at the same time.
_DELETES_IN_FLIGHT = 8

_CALL_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 6,
    # A download is held one piece at a time; the SDK's first piece would be 32 MiB.
    "max_single_get_size": 4 * MIB,
    "max_chunk_get_size": 4 * MIB,
}


def _retry() -> ExponentialRetry:
    return ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=2, retry_read=1, random_jitter_range=1)


class BlobStore:
    """The blobs of all sessions."""

    def __init__(self, service: BlobServiceClient, *, block_bytes: int, blocks_in_flight: int) -> None:
        self._service = service
        self._container: ContainerClient = service.get_container_client(CONTAINER)
        self._block_bytes = block_bytes
        self._blocks_in_flight = blocks_in_flight

    @classmethod
    def connect(cls, settings: Settings) -> "BlobStore":
        """Blob Storage as the settings name it; nothing is sent yet."""
        service = connect(
            BlobServiceClient, settings.storage, settings.blob_service_uri, retry_policy=_retry(), **_CALL_OPTIONS
        )
        return cls(service, block_bytes=settings.block_bytes, blocks_in_flight=settings.blocks_in_flight)

    async def close(self) -> None:
        """Close the connections."""
        await self._service.close()

    async def create_container(self) -> None:
        """Make the container unless it is there."""
        with _there_already(StorageErrorCode.CONTAINER_ALREADY_EXISTS):
            await self._container.create_container()

    async def ping(self) -> None:
        """See that Blob Storage answers: one read of the container's properties.

        Raises:
            AzureError: it does not, or the container is missing.
        """
        await self._container.get_container_properties()

    def writer(self, key: SessionKey, file_id: str, opened: asyncio.Future[Any]) -> "BlobWriter":
        """A writer for a new blob, which sends nothing before ``opened`` is done."""
        blob = self._container.get_blob_client(_prefix(key) + file_id)
        return BlobWriter(blob, opened, block_bytes=self._block_bytes, blocks_in_flight=self._blocks_in_flight)

    async def read(self, key: SessionKey, file_id: str) -> AsyncIterator[bytes]:
        """A file's bytes, piece by piece. It has begun when this returns, so that a fault is still an answer.

        Raises:
            ResourceNotFoundError: there is no such blob.
        """
        download = await self._container.get_blob_client(_prefix(key) + file_id).download_blob()
        return download.chunks()

    async def put_manifest(self, key: SessionKey, manifest: bytes) -> None:
        """Write the manifest of a complete session; once written it stays as it is."""
        blob = self._container.get_blob_client(_prefix(key) + MANIFEST)
        with _there_already(StorageErrorCode.BLOB_ALREADY_EXISTS):
            await blob.upload_blob(manifest, overwrite=False)

    async def names(self, key: SessionKey) -> list[str]:
        """The names under a session, blobs of which only blocks exist included: file ids, and perhaps the manifest."""
        prefix = _prefix(key)
        blobs = self._container.list_blobs(name_starts_with=prefix, include=["uncommittedblobs"])
        return [blob.name.removeprefix(prefix) async for blob in blobs]

    async def delete(self, key: SessionKey, names: list[str]) -> None:
        """Remove blobs, and blocks that were staged and never committed; gone already is as good."""
        limit = asyncio.Semaphore(_DELETES_IN_FLIGHT)

        async def delete(name: str) -> None:
            async with limit:
                await _delete(self._container.get_blob_client(_prefix(key) + name))

        await asyncio.gather(*(delete(name) for name in names))


class BlobWriter:
    """One attempt to write one blob: a single Put Blob if it fits into one block's buffer, else staged blocks.

    Blocks are staged while the next ones come in, a bounded number at a time, and nobody sees any of it before
    ``commit``. Memory: ``blocks_in_flight + 1`` blocks.
    """

    def __init__(
        self, blob: BlobClient, opened: asyncio.Future[Any], *, block_bytes: int, blocks_in_flight: int
    ) -> None:
        """Write to a new blob, but send nothing before ``opened`` is done; what that raises, ``write`` raises."""
        self._blob = blob
        self._opened = opened
        self._block_bytes = block_bytes
        self._blocks_in_flight = blocks_in_flight
        self._pieces: list[bytes] = []
        self._held = 0
        self._blocks: list[BlobBlock] = []
        self._staging: set[asyncio.Future[Any]] = set()
        self._sent = False

    async def write(self, data: bytes) -> None:
        """Take more bytes; waits while as many blocks as allowed are on their way.

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
        """Make the blob visible, whole.

        Raises:
            AzureError: it could not be written.
        """
        if not self._blocks:
            self._sent = True
            await self._blob.upload_blob(b"".join(self._pieces), overwrite=True)
            return
        if self._pieces:
            await self._stage()
        await asyncio.gather(*self._staging)
        await self._blob.commit_block_list(self._blocks)

    async def discard(self) -> None:
        """Leave nothing behind, whether or not it was committed; safe to call at any time."""
        # A block on its way is waited for: one that was cancelled might still arrive after the rest was removed. Who
        # has no time to wait cancels this; what arrives late then goes when the session ends.
        await asyncio.gather(*self._staging, return_exceptions=True)
        self._pieces.clear()
        if self._sent:
            await _delete(self._blob)
            self._sent = False

    async def _stage(self) -> None:
        pieces, length = self._pieces, self._held
        self._pieces, self._held = [], 0
        await self._opened
        while len(self._staging) >= self._blocks_in_flight:
            done, self._staging = await asyncio.wait(self._staging, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        # All block ids of a blob must have the same length ("Put Block", Azure Storage).
        block_id = f"{len(self._blocks):06d}"
        self._blocks.append(BlobBlock(block_id))
        self._sent = True
        body: Any = _Body(pieces)
        self._staging.add(asyncio.ensure_future(self._blob.stage_block(block_id, body, length=length)))


class _Body:
    """The pieces of a block, handed to the transport a few at a time; from the beginning if the SDK repeats the call.

    Given a block whole, the transport would copy all of it, and move what is left of it at each send.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._pieces), _PIECES_A_SEND):
            yield b"".join(self._pieces[start : start + _PIECES_A_SEND])


@contextmanager
def _there_already(code: StorageErrorCode) -> Iterator[None]:
    """Go on if what is to be made is there. The SDK takes any 409 for that, one for a container being deleted too."""
    try:
        yield
    except ResourceExistsError as error:
        if getattr(error, "error_code", None) != code:
            raise


async def _delete(blob: BlobClient) -> None:
    """Remove a blob. One that has only uncommitted blocks is not found, but an empty Put Blob drops them."""
    try:
        await blob.delete_blob()
    except ResourceNotFoundError:
        await blob.upload_blob(b"", overwrite=True)
        # Somebody else who is at it may have removed the empty one already; whoever puts one, removes one after it.
        with suppress(ResourceNotFoundError):
            await blob.delete_blob()


def _prefix(key: SessionKey) -> str:
    return f"{key.resource.catalog_id}/{key.resource.resource_id}/{key.session_id}/"
