"""What the API answers, as types. Every optional value is ``None`` where a service does not send it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from accup.api.answers import expected_shape, listed, number, optional_number, optional_text, text
from accup.api.multipart import normalized
from accup.findings import Finding


@dataclass(frozen=True, slots=True)
class Review:
    """The access review instance that a session collects data for; both ids are GUIDs.

    Without the id of its definition, only a session that exists can be used.
    """

    instance_id: str
    definition_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a session has accepted. ``size`` in bytes, ``sha256`` in hex, ``rows`` without the header.

    ``warnings`` is how many remarks the service has on it that do not refuse it.
    """

    id: str
    name: str
    size: int
    rows: int | None = None
    sha256: str | None = None
    uploaded: datetime | None = None
    warnings: int | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "StoredFile":
        """A file from an entry of ``files``."""
        with expected_shape("a file"):
            return cls(
                id=text(body["id"]),
                name=text(body["name"]),
                size=number(body["size"]),
                rows=optional_number(body.get("@uploads.rowCount")),
                sha256=optional_text(body.get("@uploads.sha256")),
                uploaded=instant(body.get("uploadedDateTime")),
                warnings=optional_number(body.get("@uploads.warningCount")),
            )

    def as_json(self) -> dict[str, Any]:
        """The file as commands print it with ``--json``."""
        return {"id": self.id, "name": self.name, "size": self.size, "rows": self.rows, "sha256": self.sha256}


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
        with expected_shape("a delivery"):
            return cls(
                target=text(body["target"]),
                state=text(body["state"]),
                attempts=number(body.get("attempts", 0)),
                last_error=optional_text(body.get("lastError")),
                next_attempt=instant(body.get("nextAttemptDateTime")),
                upstream_id=optional_text(body.get("upstreamId")),
            )

    def as_json(self) -> dict[str, Any]:
        """The delivery as commands print it with ``--json``."""
        return {
            "target": self.target,
            "state": self.state,
            "attempts": self.attempts,
            "lastError": self.last_error,
            "nextAttemptDateTime": None if self.next_attempt is None else self.next_attempt.isoformat(),
            "upstreamId": self.upstream_id,
        }


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
        with expected_shape("an upload session"):
            stats = body.get("stats") or {}
            return cls(
                id=text(body["id"]),
                status=text(body.get("status", "unknownFutureValue")),
                reference_id=optional_text(body.get("referenceId")),
                created=instant(body.get("createdDateTime")),
                expires=instant(body.get("expirationDateTime")),
                files_uploaded=number(stats.get("filesUploaded", 0)),
                total_bytes=number(stats.get("totalBytesUploaded", 0)),
                files=tuple(map(StoredFile.from_json, listed(body.get("files")))),
                deliveries=tuple(map(Delivery.from_json, listed(body.get("@uploads.delivery")))),
                body=dict(body),
            )

    @property
    def explains_refusals(self) -> bool:
        """Whether the service reports the findings of a file that it refuses, and remembers the refusal.

        Graph does neither; ``expirationDateTime`` is a property that Graph's sessions do not have.
        """
        return "expirationDateTime" in self.body

    @property
    def definition_id(self) -> str | None:
        """The review definition that the session was created for, if the service tells it."""
        data = self.body.get("data")
        found = data.get("reviewDefinitionId") if isinstance(data, Mapping) else None
        return found.lower() if isinstance(found, str) else None

    @property
    def etag(self) -> str | None:
        """The version that was read; Graph has none."""
        etag = self.body.get("@odata.etag")
        return etag if isinstance(etag, str) else None

    @property
    def time_left(self) -> timedelta | None:
        """How long until the session expires; ``None`` if it never will, or the service does not say."""
        if self.expires is None or self.status != "active":
            return None
        return max(timedelta(0), self.expires - datetime.now(UTC))

    def file(self, name: str) -> StoredFile | None:
        """The file of that name, if the session has it. Microsoft Graph may have the name in another Unicode form."""
        return next((file for file in self.files if normalized(file.name) == normalized(name)), None)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a service of ours says about a file that it accepts: the remarks that do not refuse it, and its rows.

    ``warnings`` has the first of ``warning_count`` remarks. ``rows`` are without the header; an upload does not tell
    them here.
    """

    rows: int | None
    warnings: tuple[Finding, ...]
    warning_count: int

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Checked":
        """The remarks in an answer to an upload or a check; none if the service makes none."""
        with expected_shape("the warnings of a file"):
            return cls(
                rows=optional_number(body.get("rowCount")),
                warnings=tuple(map(Finding.from_detail, listed(body.get("@uploads.warnings")))),
                warning_count=number(body.get("@uploads.warningCount") or 0),
            )


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
        with expected_shape("a refusal"):
            return cls(
                id=text(body["id"]),
                name=text(body["name"]),
                findings=optional_number(body.get("findingCount")),
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
        with expected_shape("an audit record"):
            return cls(
                at=instant(body.get("activityDateTime")),
                activity=text(body.get("activity", "")),
                result=text(body.get("result", "")),
                session_id=optional_text(body.get("sessionId")),
                caller=optional_text(body.get("objectId") or body.get("appId")),
                details=dict(body.get("details") or {}),
                body=dict(body),
            )


def instant(text: object) -> datetime | None:
    """A ``DateTimeOffset``, which may have up to nine digits of a second (OData JSON Format 4.01, section 7.1)."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
