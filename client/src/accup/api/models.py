"""What the API answers, as types. Every optional value is ``None`` where a service does not send it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Review:
    """The access review instance that a session collects data for; both ids are GUIDs."""

    instance_id: str
    definition_id: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a session has accepted. ``size`` in bytes, ``sha256`` in hex, ``rows`` without the header."""

    id: str
    name: str
    size: int
    rows: int | None = None
    sha256: str | None = None
    uploaded: datetime | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "StoredFile":
        """A file from an entry of ``files``."""
        return cls(
            id=str(body["id"]),
            name=str(body["name"]),
            size=int(body["size"]),
            rows=body.get("@uploads.rowCount"),
            sha256=body.get("@uploads.sha256"),
            uploaded=instant(body.get("uploadedDateTime")),
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a session's delivery to one target has come to (not on Graph).

    ``target`` is ``graph`` or ``events``; ``state`` is ``pending``, ``delivered`` or ``failed``; ``upstream_id`` is the
    id of the target's session.
    """

    target: str
    state: str
    attempts: int
    last_error: str | None = None
    next_attempt: datetime | None = None
    upstream_id: str | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Delivery":
        """A delivery from an entry of ``@uploads.delivery``."""
        return cls(
            target=str(body["target"]),
            state=str(body["state"]),
            attempts=int(body.get("attempts", 0)),
            last_error=body.get("lastError"),
            next_attempt=instant(body.get("nextAttemptDateTime")),
            upstream_id=body.get("upstreamId"),
        )


@dataclass(frozen=True, slots=True)
class Session:
    """An upload session. ``body`` is the JSON as it came; ``files`` is empty unless the request asked for them."""

    id: str
    status: str
    reference_id: str | None
    created: datetime | None
    expires: datetime | None
    files_uploaded: int
    total_bytes: int
    files: tuple[StoredFile, ...]
    deliveries: tuple[Delivery, ...]
    body: Mapping[str, Any]

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Session":
        """A session from an answer."""
        stats = body.get("stats") or {}
        return cls(
            id=str(body["id"]),
            status=str(body.get("status", "unknownFutureValue")),
            reference_id=body.get("referenceId"),
            created=instant(body.get("createdDateTime")),
            expires=instant(body.get("expirationDateTime")),
            files_uploaded=int(stats.get("filesUploaded", 0)),
            total_bytes=int(stats.get("totalBytesUploaded", 0)),
            files=tuple(StoredFile.from_json(file) for file in body.get("files") or ()),
            deliveries=tuple(Delivery.from_json(delivery) for delivery in body.get("@uploads.delivery") or ()),
            body=dict(body),
        )

    @property
    def explains_refusals(self) -> bool:
        """Whether the service reports the findings of a file that it refuses, and remembers the refusal.

        Graph does neither; ``expirationDateTime`` is a property that Graph's sessions do not have.
        """
        return "expirationDateTime" in self.body

    def time_left(self, now: datetime | None = None) -> timedelta | None:
        """How long until the session expires; ``None`` if it never will, or the service does not say."""
        if self.expires is None or self.status != "active":
            return None
        return max(timedelta(0), self.expires - (now or datetime.now(UTC)))

    def file(self, name: str) -> StoredFile | None:
        """The file of that name, if the session has it."""
        return next((file for file in self.files if file.name == name), None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was refused and not replaced yet: it blocks completion."""

    id: str
    name: str
    findings: int | None
    refused: datetime | None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Refusal":
        """A refusal from an entry of ``refusals``."""
        return cls(
            id=str(body["id"]),
            name=str(body["name"]),
            findings=body.get("findingCount"),
            refused=instant(body.get("refusedDateTime")),
        )


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change, and the caller who made it; ``body`` is the JSON as it came."""

    at: datetime | None
    activity: str
    result: str
    session_id: str | None
    caller: str | None
    details: Mapping[str, Any]
    body: Mapping[str, Any]

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "AuditRecord":
        """A record from an entry of the list."""
        return cls(
            at=instant(body.get("activityDateTime")),
            activity=str(body.get("activity", "")),
            result=str(body.get("result", "")),
            session_id=body.get("sessionId"),
            caller=body.get("objectId") or body.get("appId"),
            details=body.get("details") or {},
            body=dict(body),
        )


def instant(text: object) -> datetime | None:
    """A ``DateTimeOffset``, which may have up to nine digits of a second (OData JSON Format 4.01, section 7.1)."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    seconds, fraction, zone = found.groups()
    micros = (fraction or "0").ljust(6, "0")[:6]
    offset = "+00:00" if zone == "Z" else zone
    return datetime.fromisoformat(f"{seconds}.{micros}{offset}")
