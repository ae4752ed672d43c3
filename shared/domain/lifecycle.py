"""The life of an upload session: what it is, which states it has, and what may move it.

Plain Python without I/O: every rule is a function from a session and the clock to a session, or to the error that says
why not. ``shared.services.sessions`` makes a rule's outcome lasting.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.core.errors import (
    NAME_TAKEN,
    SESSION_INCOMPLETE,
    SESSION_NOT_FOUND,
    SESSION_OVER,
    TOO_MANY_FILES,
    Detail,
    GraphError,
)


class Status(StrEnum):
    """A session's state as it is stored; all but ``DELETED`` are Graph's words, and ``DELETED`` is never shown."""

    ACTIVE = "active"
    COMPLETE = "complete"
    EXPIRED = "expired"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class ResourceKey:
    """The resource that sessions belong to, by lower-case GUIDs."""

    catalog_id: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Where one session is: its resource and its own id."""

    resource: ResourceKey
    session_id: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a session collects data for, as the caller said it at create.

    ``source``, ``type`` and ``data_type`` (the ``@odata.type`` of ``data``) exist in the founding dialect only.
    """

    definition_id: str
    instance_id: str
    source: str | None = None
    type: str | None = None
    data_type: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """An upload session's record. ``status`` is what was stored last: ask ``status_at`` for what holds now."""

    key: SessionKey
    review: Review
    created: datetime
    last_active: datetime
    status: Status = Status.ACTIVE
    files_uploaded: int = 0
    total_bytes: int = 0
    open_refusals: int = 0
    etag: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was accepted. ``size`` in bytes, ``sha256`` in hex, ``rows`` without the header."""

    id: str
    name: str
    size: int
    sha256: str
    rows: int
    warnings: int
    uploaded: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was refused and not yet replaced."""

    name: str
    refused: datetime
    findings: int


def new_session(key: SessionKey, review: Review, now: datetime) -> Session:
    """A session as it begins: active and empty."""
    return Session(key=key, review=review, created=now, last_active=now)


def idle_deadline(session: Session, idle: timedelta) -> datetime:
    """When a session that is not completed expires, or has expired, if nothing more happens to it."""
    return session.last_active + idle


def expires_at(session: Session, idle: timedelta) -> datetime | None:
    """The session's ``expirationDateTime``; ``None`` once it is complete."""
    return None if session.status is Status.COMPLETE else idle_deadline(session, idle)


def status_at(session: Session, now: datetime, idle: timedelta) -> Status:
    """The state that holds now: an active session past its time is expired, whether or not a timer has come by."""
    if session.status is Status.ACTIVE and now >= idle_deadline(session, idle):
        return Status.EXPIRED
    return session.status


def holds_reference(session: Session, now: datetime, idle: timedelta) -> bool:
    """Whether the session keeps its reference from others: while it is active or complete."""
    return status_at(session, now, idle) in (Status.ACTIVE, Status.COMPLETE)


def check_open(session: Session, now: datetime, idle: timedelta) -> None:
    """Raise unless the session takes changes.

    Raises:
        GraphError: 404 when it was deleted, 409 when it is complete or expired.
    """
    status = status_at(session, now, idle)
    if status is Status.DELETED:
        raise session_not_found(session.key)
    if status is Status.COMPLETE:
        raise GraphError(
            SESSION_OVER,
            "This upload session is complete: nothing can be added to it. "
            "To send more data, start a review instance of its own.",
        )
    if status is Status.EXPIRED:
        raise GraphError(
            SESSION_OVER,
            f"This upload session has expired: it was idle for {idle.total_seconds():.0f} seconds or more. "
            "Create a new session for the same review instance and upload its files again.",
        )


def check_room(session: Session, limit: int) -> None:
    """Raise if the session has as many files as it may.

    Raises:
        GraphError: 400 ``maxItemCountExceeded``.
    """
    if session.files_uploaded >= limit:
        raise GraphError(
            TOO_MANY_FILES,
            f"This upload session has {session.files_uploaded} files, and {limit} is the limit (UPLOADS_MAX_FILES). "
            "Put more rows into fewer files.",
            target="file",
        )


def find_twin(files: Sequence[StoredFile], candidate: StoredFile) -> StoredFile | None:
    """The file that the session already has under the candidate's name, if its bytes are the same.

    A client whose answer was lost sends the file again: it must not count twice.

    Raises:
        GraphError: 409 ``nameAlreadyExists`` if that name stands for other bytes.
    """
    for file in files:
        if file.name == candidate.name:
            if file.sha256 == candidate.sha256:
                return file
            raise GraphError(
                NAME_TAKEN,
                f"This upload session already has a file named '{candidate.name}', with other content. "
                "Upload it under another name, or delete the session and start again.",
                target="file",
                extra={"fileId": file.id},
            )
    return None


def with_file(session: Session, file: StoredFile, *, clears_refusal: bool, now: datetime) -> Session:
    """The session after a file was accepted."""
    return replace(
        session,
        files_uploaded=session.files_uploaded + 1,
        total_bytes=session.total_bytes + file.size,
        open_refusals=session.open_refusals - clears_refusal,
        last_active=now,
    )


def without_refusal(session: Session, now: datetime) -> Session:
    """The session after a refused name was sent again with bytes that it already has."""
    return replace(session, open_refusals=session.open_refusals - 1, last_active=now)


def with_refusal(session: Session, *, known: bool, now: datetime) -> Session:
    """The session after a file was refused; ``known`` if one of that name had been refused before."""
    return replace(session, open_refusals=session.open_refusals + (not known), last_active=now)


def without(session: Session, gone: Sequence[StoredFile | Refusal]) -> Session:
    """The session after files or refusals of it were removed: stats are always the sum over what is there."""
    sizes = [entry.size for entry in gone if isinstance(entry, StoredFile)]
    return replace(
        session,
        files_uploaded=session.files_uploaded - len(sizes),
        total_bytes=session.total_bytes - sum(sizes),
        open_refusals=session.open_refusals - (len(gone) - len(sizes)),
    )


def completed(session: Session, refusals: Sequence[Refusal], *, allow_incomplete: bool, now: datetime) -> Session:
    """The session once it is marked done: the completion guard.

    Automations mark a session as done even when an upload failed, and half the data is then certified for good.

    Raises:
        GraphError: 409 ``uploadSessionIncomplete`` unless ``allow_incomplete``, when there is no file yet, or a file
            was refused and never replaced (each is a detail).
    """
    if not allow_incomplete:
        if refusals:
            raise GraphError(
                SESSION_INCOMPLETE,
                f"{len(refusals)} refused file(s) were never replaced. Upload each again, mended, under the same name; "
                "or send the header 'Prefer: allow-incomplete' to complete without them.",
                details=[
                    Detail(
                        "fileRefused",
                        f"'{refusal.name}' was refused with {refusal.findings} finding(s) and not replaced.",
                        refusal.name,
                    )
                    for refusal in refusals
                ],
            )
        if not session.files_uploaded:
            raise GraphError(
                SESSION_INCOMPLETE,
                "This upload session has no file yet. Upload one; or send the header 'Prefer: allow-incomplete' to "
                "complete it empty.",
            )
    return replace(session, status=Status.COMPLETE, last_active=now)


def check_deletable(session: Session) -> None:
    """Raise if the session is sealed.

    Raises:
        GraphError: 409 when it is complete.
    """
    if session.status is Status.COMPLETE:
        raise GraphError(SESSION_OVER, "This upload session is complete and therefore sealed: it cannot be deleted.")


def session_not_found(key: SessionKey) -> GraphError:
    """The error for a session that is not there: unknown, of another resource, or deleted."""
    return GraphError(
        SESSION_NOT_FOUND,
        f"There is no upload session '{key.session_id}' for this resource. List the resource's upload sessions to see "
        "which there are.",
    )
