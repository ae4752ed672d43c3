"""A directory as it was at one time, in memory: what the accounts of a file are matched with."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from .comparing import comparable
from .directory_file import DirectoryReader
from .index import Attribute, Users, load_attribute, load_users

KEY_BYTES = 16


class Snapshot(NamedTuple):
    """A directory as an upload uses it, from its beginning to its end.

    Attributes:
        sha256: the digest of the file that it was made of.
        uploaded: when it was taken.
        key: that of the digests of values.
        users: the users.
        attributes: those that are loaded, by their names as they are compared.
    """

    sha256: str
    uploaded: datetime
    key: bytes
    users: Users
    attributes: Mapping[str, Attribute]


def new_key() -> bytes:
    """The key for the digests of a new snapshot."""
    return os.urandom(KEY_BYTES)


def read_snapshot(pieces: Iterable[bytes], taken: datetime) -> Snapshot:
    """The snapshot that a directory's file makes, with all of its attributes.

    Raises:
        ListError: the directory is refused.
    """
    key, digest = new_key(), hashlib.sha256()
    with closing(DirectoryReader(key)) as reader:
        for piece in pieces:
            digest.update(piece)
            for _ in reader.feeding(piece):
                pass
        for _ in reader.feeding(b"", final=True):
            pass
        users, *attributes = reader.parts()
    return Snapshot(
        digest.hexdigest(),
        taken,
        key,
        load_users(users.data, users.users),
        {comparable(part.name or ""): load_attribute(part.data, part.users) for part in attributes},
    )
