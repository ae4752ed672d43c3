"""The blobs of a directory: its index, in parts of which a process loads those that it needs, once."""

import asyncio
from typing import TYPE_CHECKING

from shared.domain.directory import Directory, directory_folder
from shared.storage.azure.blobs import READ_BYTES, BlobStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.access_data.people.index import Attribute, Users
    from shared.access_data.people.snapshots import Snapshot

USERS = "users"

# What the parts in memory may take, but for what one application needs: the users and four attributes of a million.
MAX_LOADED_BYTES = 96 * 1024 * 1024


class DirectoryParts:
    """Writes and removes the parts of directories, and keeps those of one in memory."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._loading = asyncio.Lock()
        self._loaded_id = ""
        self._users: Users | None = None
        self._attributes: dict[str, Attribute] = {}

    async def put(self, directory_id: str, name: str, data: bytes) -> None:
        """Write a part.

        Raises:
            AzureError: it could not be written.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        writer = self._blobs.writer(directory_folder(directory_id), name, written)
        for begin in range(0, len(data), READ_BYTES):
            await writer.write(data[begin : begin + READ_BYTES])
        await writer.commit()

    async def remove(self, directory_id: str) -> None:
        """Remove all parts of a directory. Missing ones are no error."""
        folder = directory_folder(directory_id)
        await self._blobs.delete(folder, await self._blobs.names(folder))
        # Not while another request loads them: it goes on with what it has loaded.
        async with self._loading:
            if directory_id == self._loaded_id:
                self._forget()

    async def snapshot(self, directory: Directory, attributes: "Iterable[str]") -> "Snapshot":
        """A directory with the attributes that it has of some, by their names as they are compared.

        Raises:
            ResourceNotFoundError: a part is missing, since the directory was removed or replaced meanwhile.
        """
        # Imported here because they import NumPy, which only a process that matches needs.
        from shared.access_data.people.comparing import comparable  # noqa: PLC0415
        from shared.access_data.people.index import (  # noqa: PLC0415
            attribute_size,
            load_attribute,
            load_users,
            users_size,
        )
        from shared.access_data.people.snapshots import Snapshot  # noqa: PLC0415

        wanted = set(attributes)
        places = {comparable(each.name): place for place, each in enumerate(directory.attributes)}
        async with self._loading:
            if directory.id != self._loaded_id:
                self._forget()
            if self._users is None:
                part = await self._read(directory, USERS, users_size(directory.users))
                self._users, self._loaded_id = load_users(part, directory.users), directory.id
            for name in wanted & places.keys() - self._attributes.keys():
                count = directory.attributes[places[name]].users
                self._make_room(attribute_size(count), wanted)
                part = await self._read(directory, str(places[name]), attribute_size(count))
                self._attributes[name] = load_attribute(part, count)
            loaded = {name: part for name, part in self._attributes.items() if name in wanted}
            return Snapshot(directory.sha256, directory.uploaded, directory.digest_key, self._users, loaded)

    def _make_room(self, size: int, wanted: set[str]) -> None:
        """Forget attributes that are not wanted now, the oldest first."""
        for name in [each for each in self._attributes if each not in wanted]:
            if self.loaded_bytes + size <= MAX_LOADED_BYTES:
                return
            del self._attributes[name]

    @property
    def loaded_bytes(self) -> int:
        """What the parts in memory take."""
        return sum(part.nbytes for part in (self._users, *self._attributes.values()) if part is not None)

    def _forget(self) -> None:
        self._loaded_id, self._users = "", None
        self._attributes.clear()

    async def _read(self, directory: Directory, name: str, size: int) -> bytearray:
        """A part, in a buffer of its own that nothing is copied into twice."""
        part, at = bytearray(size), 0
        if not size:
            return part
        blocks = await self._blobs.read(directory.folder, name, first=0, length=size, block_bytes=READ_BYTES)
        async for block in blocks:
            part[at : at + len(block)] = block
            at += len(block)
        return part
