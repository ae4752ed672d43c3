"""Upload sessions and what belongs to them, as data. ``shared.domain.lifecycle`` has the rules for changing them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
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


class Session(NamedTuple):
    """An upload session. ``status`` is the stored state; ``status_at`` gives the current one.

    ``files_removed`` is when the retention of a complete session ended and the removal of its files began.
    """

    key: SessionKey
    review: Review
    created: datetime
    last_active: datetime
    status: Status = Status.ACTIVE
    files_uploaded: int = 0
    total_bytes: int = 0
    open_refusals: int = 0
    files_removed: datetime | None = None
    etag: str = ""


class StoredFile(NamedTuple):
    """An accepted file. ``size`` in bytes, ``sha256`` in hex, ``rows`` without the header.

    ``layout`` is ``None`` for a file that was stored by a version that did not store it.
    """

    id: str
    name: str
    size: int
    sha256: str
    rows: int
    layout: str | None
    warnings: int
    uploaded: datetime


class Snapshot(NamedTuple):
    """A session and its files at one moment."""

    session: Session
    files: Sequence[StoredFile]


class Refusal(NamedTuple):
    """A file that was refused and has not been replaced."""

    name: str
    refused: datetime
    findings: int

    @property
    def id(self) -> str:
        """The id: a GUID that follows from the name, since a session has one open refusal of a name."""
        return refusal_id(self.name)


def refusal_id(name: str) -> str:
    """The id of the refusal of a file name: the first 128 bits of the name's SHA-256, as a GUID."""
    return str(UUID(bytes=sha256(name.encode()).digest()[:16]))
