"""Writes one blob as its bytes arrive: at once if it is short, else in blocks that are staged meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, StorageErrorCode
from azure.storage.blob.aio import BlobClient

# Bytes of a block that the transport is given at a time, if they come in smaller pieces.
_SEND_BYTES = 256 * 1024

# Smaller pieces are joined: a bytes object has an overhead of 33 bytes, and some clients send two bytes at a time.
_LEAST_PIECE_BYTES = 1024

# How long an answer may be delayed by the removal of what was written for nothing.
_ABANDON_SECONDS = 2

InContainer = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


class BlocksDiscardedError(AzureError):
    """Blocks of a blob are missing, as when its session was deleted while they were staged."""


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
            await self._in_container(lambda: delete_blob(self._blob))
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


async def delete_blob(blob: BlobClient) -> None:
    """Delete a blob. One with uncommitted blocks only is not found, but an empty Put Blob discards them."""
    try:
        await blob.delete_blob()
    except ResourceNotFoundError:
        await blob.upload_blob(b"", overwrite=True)
        # Another process that does the same may have deleted the empty blob already.
        with suppress(ResourceNotFoundError):
            await blob.delete_blob()
