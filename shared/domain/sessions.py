"""Upload sessions and what belongs to them, as data. ``shared.domain.lifecycle`` has the rules for changing them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import reduce
from hashlib import sha256
from operator import xor
from typing import NamedTuple
from uuid import UUID


class Status(StrEnum):
    """A session's stored state. ``DELETED`` is never shown to callers; the others are Graph's values."""

    ACTIVE = "active"
    COMPLETE = "complete"
    EXPIRED = "expired"
    DELETED = "deleted"


class ResourceKey(NamedTuple):
    """The resource that sessions belong to. Ids are lower-case GUIDs."""

    catalog_id: str
    resource_id: str


class SessionKey(NamedTuple):
    """The key of a session: its resource and its own id."""

    resource: ResourceKey
    session_id: str


class Review(NamedTuple):
    """The review instance that a session collects data for, as given at create.

    ``source``, ``type`` and ``data_type`` (the ``@odata.type`` of ``data``) exist in the founding dialect only.
    """

    definition_id: str
    instance_id: str
    source: str | None = None
    type: str | None = None
    data_type: str | None = None


class Sealed(NamedTuple):
    """What a session had when it was completed, and who completed it. It stays when its files are removed.

    ``size`` in bytes, ``rows`` without headers. The ids are those of the caller; ``None`` without authentication.
    """

    files: int
    rows: int
    size: int
    object_id: str | None
    app_id: str | None


class Session(NamedTuple):
    """An upload session. ``status`` is the stored state; ``status_at`` gives the current one.

    ``files_mark`` is the mark of its files (``mark_of``); ``None`` in a row of a version that stored none.
    ``files_removed`` is when the retention of a complete session ended and the removal of its files began.
    ``sealed`` is what a complete session had; ``None`` in a row of a version that stored none.
    """

    key: SessionKey
    review: Review
    created: datetime
    last_active: datetime
    status: Status = Status.ACTIVE
    files_uploaded: int = 0
    total_bytes: int = 0
    files_mark: int | None = 0
    open_refusals: int = 0
    files_removed: datetime | None = None
    sealed: Sealed | None = None
    etag: str = ""


class Outline(NamedTuple):
    """What filters compare of a session."""

    reference_id: str
    last_active: datetime
    status: Status


class Reference(NamedTuple):
    """Which session holds a reference."""

    holder: SessionKey
    etag: str


class UsedDirectory(NamedTuple):
    """The directory that the accounts of a file were matched with: its digest in hex, and when it was uploaded."""

    sha256: str
    uploaded: datetime


class StoredRows(NamedTuple):
    """The rows of a file that is not in Graph's form, as they are stored beside it.

    Attributes:
        size: in bytes.
        sha256: in hex.
        steps: which made them, of ``decode``, ``separate``, ``columns``, ``principals``.
        matched: the number of rows by what has matched their accounts with users.
        left_out: the number of rows of the file that are not among them, since their accounts are not persons.
        directory: the snapshot that was used; ``None`` if none was.
    """

    size: int
    sha256: str
    steps: tuple[str, ...]
    matched: Mapping[str, int]
    left_out: int
    directory: UsedDirectory | None = None


def rows_blob(file_id: str) -> str:
    """The name of the blob that has the rows of a file, if these are not the file itself."""
    return f"{file_id}.rows"


class StoredFile(NamedTuple):
    """An accepted file. ``size`` in bytes, ``sha256`` in hex, ``rows`` without the header.

    ``layout`` is that of its rows; ``None`` for a file that was stored by a version that did not store it. ``made`` is
    ``None`` for a file in Graph's form, which is its own rows.
    """

    id: str
    name: str
    size: int
    sha256: str
    rows: int
    layout: str | None
    warnings: int
    uploaded: datetime
    made: StoredRows | None = None

    @property
    def blobs(self) -> Sequence[str]:
        """The names of its blobs. The last one has the rows."""
        return [self.id] if self.made is None else [self.id, rows_blob(self.id)]

    @property
    def as_rows(self) -> "StoredFile":
        """The file as those see it who use its rows: with their size and digest."""
        return self if self.made is None else self._replace(size=self.made.size, sha256=self.made.sha256)


def mark_of(file_ids: Iterable[str]) -> int:
    """What tells a set of files from every other one: the XOR of their ids, 74 bits of which are random.

    It changes with each file in the same way, whether that is added or removed, and in whatever order.
    """
    return reduce(xor, (UUID(file_id).int for file_id in file_ids), 0)


class Snapshot(NamedTuple):
    """A session and its files at one moment."""

    session: Session
    files: Sequence[StoredFile]


class Refusal(NamedTuple):
    """A file that was refused and has not been replaced.

    ``accounts`` is the list of those that have no principal, to be filled in: a CSV file. It is stored with a new
    refusal; read refusals are without it.
    """

    name: str
    refused: datetime
    findings: int
    accounts: bytes = b""

    @property
    def id(self) -> str:
        """The id: a GUID that follows from the name, since a session has one open refusal of a name."""
        return refusal_id(self.name)


def refusal_id(name: str) -> str:
    """The id of the refusal of a file name: the first 128 bits of the name's SHA-256, as a GUID."""
    return str(UUID(bytes=sha256(name.encode()).digest()[:16]))
