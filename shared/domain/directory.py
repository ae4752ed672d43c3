"""The directory: which people there are, as it was uploaded last. Plain data."""

from datetime import datetime
from typing import NamedTuple

from shared.domain.sessions import ResourceKey, SessionKey

# Where the blobs of directories are, and the timer's rows for them: beside those of sessions, under a key that no
# resource can have, since its parts are no GUIDs.
DIRECTORIES = ResourceKey("directory", "snapshots")


class AttributeCounts(NamedTuple):
    """An attribute: its name, how many users have it, and of how many of them another one has the same value."""

    name: str
    users: int
    shared: int


class Directory(NamedTuple):
    """A directory as its row describes it. Whatever is about single users is in its blobs.

    Attributes:
        id: of this upload; it is in the names of its blobs.
        digest_key: the key of the digests in its blobs.
        sha256: of the file that was uploaded, decompressed.
        size: of the same, in bytes.
        users: their number.
        attributes: the columns by which users can be matched.
        uploaded: when it was stored.
        uploaded_by: the object id of the caller; ``None`` for the service itself, or without authentication.
        etag: that of the row.
    """

    id: str
    digest_key: bytes
    sha256: str
    size: int
    users: int
    attributes: tuple[AttributeCounts, ...]
    uploaded: datetime
    uploaded_by: str | None
    etag: str = ""

    @property
    def folder(self) -> SessionKey:
        """Where its blobs are."""
        return directory_folder(self.id)


def directory_folder(identifier: str) -> SessionKey:
    """Where the blobs of a directory are."""
    return SessionKey(DIRECTORIES, identifier)
