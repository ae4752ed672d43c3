"""Upload sessions: their states, and the rules for changing them.

Plain Python without I/O: every rule is a function from a session and the current time to the changed session, or raises
the error that says why not. ``shared.services.sessions`` stores the result.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from shared.core.errors import (
    FILE_NOT_FOUND,
    NAME_TAKEN,
    REFUSAL_NOT_FOUND,
    SESSION_INCOMPLETE,
    SESSION_NOT_FOUND,
    SESSION_OVER,
    TOO_MANY_FILES,
    Detail,
    GraphError,
    counted,
)
from shared.domain.sessions import Outline, Refusal, Review, Session, SessionKey, Status, StoredFile, mark_of

WARNED_BEFORE_EXPIRY = timedelta(minutes=30)

HOW_TO_WITHDRAW = "withdraw the refusal (GET .../refusals lists refusals, DELETE .../refusals/{id} withdraws one)"
"""What to do about a refused file that will not be replaced, as part of a sentence."""

# An error lists the first of many refusals, and says how many there are.
_MAX_REFUSALS_LISTED = 20


def new_session(key: SessionKey, review: Review, now: datetime) -> Session:
    """A new session: active and empty."""
    return Session(key=key, review=review, created=now, last_active=now)


def idle_deadline(session: Session | Outline, idle: timedelta) -> datetime:
    """When a session that is not complete expires or has expired, if it is not changed again."""
    return session.last_active + idle


def warning_time(session: Session, idle: timedelta) -> datetime:
    """When an idle session that has files is reported as about to expire: half an hour before.

    Its deadline itself where sessions live for less than an hour, so that there is no warning.
    """
    deadline = idle_deadline(session, idle)
    return deadline - WARNED_BEFORE_EXPIRY if idle >= 2 * WARNED_BEFORE_EXPIRY else deadline


def expires_at(session: Session, idle: timedelta) -> datetime | None:
    """The session's ``expirationDateTime``; ``None`` once it is complete."""
    return None if session.status is Status.COMPLETE else idle_deadline(session, idle)


def status_at(session: Session | Outline, now: datetime, idle: timedelta) -> Status:
    """The state at a given time: an active session past its deadline is expired, whether or not the timer has run."""
    if session.status is Status.ACTIVE and now >= idle_deadline(session, idle):
        return Status.EXPIRED
    return session.status


def retention_deadline(session: Session, retention: timedelta | None) -> datetime | None:
    """When the files of a complete session are removed; ``None`` for never."""
    return None if retention is None else session.last_active + retention


def keeps_files(session: Session, now: datetime, retention: timedelta | None) -> bool:
    """Whether a complete session still has its files: its retention has not ended, and none of them were removed."""
    deadline = retention_deadline(session, retention)
    return session.files_removed is None and (deadline is None or now < deadline)


def holds_reference(session: Session, now: datetime, idle: timedelta) -> bool:
    """Whether the session holds its reference: while it is active or complete."""
    return status_at(session, now, idle) in (Status.ACTIVE, Status.COMPLETE)


def asked_for(newest: Iterable[Session], now: datetime, idle: timedelta) -> list[Session]:
    """What is asked for of a resource: active sessions by deadline, expired ones that still wait, the last complete.

    An expired session still waits if its review instance has no later one, and no later session was completed.
    ``newest`` are the resource's sessions, the newest first.
    """
    active: list[Session] = []
    over: list[Session] = []
    last: list[Session] = []
    seen = set[str]()
    for session in newest:
        status = status_at(session, now, idle)
        if status is Status.ACTIVE:
            active.append(session)
        elif status is Status.COMPLETE and not last:
            last.append(session)
        elif status is Status.EXPIRED and not last and session.review.instance_id not in seen:
            over.append(session)
        seen.add(session.review.instance_id)
    active.sort(key=lambda each: idle_deadline(each, idle))
    return [*active, *over, *last]


def check_open(session: Session, now: datetime, idle: timedelta) -> None:
    """Raise unless the session can be changed.

    Raises:
        GraphError: 404 when it was deleted, 409 when it is complete or expired.
    """
    status = status_at(session, now, idle)
    if status is Status.DELETED:
        raise session_not_found(session.key)
    if status is Status.COMPLETE:
        raise GraphError(
            SESSION_OVER,
            "This upload session is complete and cannot be changed. "
            "To send more data, create an upload session for another review instance.",
        )
    if status is Status.EXPIRED:
        raise GraphError(
            SESSION_OVER,
            f"This upload session has expired: it was idle for {idle.total_seconds():.0f} seconds or more. "
            "Create a new session for the same review instance and upload its files again.",
        )


def check_file_count(session: Session, limit: int) -> None:
    """Raise if the session has as many files as allowed.

    Raises:
        GraphError: 400 ``maxItemCountExceeded``.
    """
    if session.files_uploaded >= limit:
        raise GraphError(
            TOO_MANY_FILES,
            f"This upload session has {session.files_uploaded} files. The limit is {limit} (UPLOADS_MAX_FILES). "
            "Put more rows into fewer files.",
            target="file",
        )


def find_identical(files: Sequence[StoredFile], candidate: StoredFile) -> StoredFile | None:
    """The session's file with the candidate's name and the same bytes, if there is one.

    A client that lost the answer sends the file again; it must not count twice.

    Raises:
        GraphError: 409 ``nameAlreadyExists`` if the session has other bytes under that name.
    """
    for file in files:
        if file.name == candidate.name:
            if (file.sha256, file.as_rows.sha256) == (candidate.sha256, candidate.as_rows.sha256):
                return file
            raise GraphError(
                NAME_TAKEN,
                f"This upload session already has a file named '{candidate.name}' with other "
                f"{'rows, made by what was declared then' if file.sha256 == candidate.sha256 else 'content'}. "
                f"{how_to_replace(file)}",
                target="file",
                extra={"fileId": file.id},
            )
    return None


def how_to_replace(file: StoredFile) -> str:
    """What to do to replace an accepted file, as a sentence."""
    return f"To replace it, delete it with DELETE .../files/{file.id} and upload the new file under the same name."


def has_exactly(session: Session, files: Sequence[StoredFile]) -> bool:
    """Whether the session has these files and no others, as far as its mark tells.

    Two reads are not one moment: a session and files that were read apart belong together only if this is so.
    """
    return session.files_mark == mark_of(file.id for file in files)


def with_file(session: Session, file: StoredFile, *, clears_refusal: bool, now: datetime) -> Session:
    """The session after a file was accepted."""
    return with_change(session, now)._replace(
        files_uploaded=session.files_uploaded + 1,
        total_bytes=session.total_bytes + file.size,
        files_mark=_marked(session, [file]),
        open_refusals=session.open_refusals - clears_refusal,
    )


def with_change(session: Session, now: datetime) -> Session:
    """The session after an upload or a change that leaves its files and refusals as they are.

    The clock of another instance may be ahead: no change makes a session expire earlier.
    """
    return session._replace(last_active=max(session.last_active, now))


def has_room_for_refusal(session: Session, limit: int) -> bool:
    """Whether the session can have one more open refusal: it has at most as many as files."""
    return session.open_refusals < limit


def with_refusal(session: Session, *, known: bool, now: datetime) -> Session:
    """The session after a file was refused; ``known`` if a refusal of the same name is already open."""
    return with_change(session, now)._replace(open_refusals=session.open_refusals + (not known))


def without_entries(session: Session, removed: Sequence[StoredFile | Refusal]) -> Session:
    """The session after files or refusals were removed: its stats are the sum over those that remain."""
    files = [entry for entry in removed if isinstance(entry, StoredFile)]
    return session._replace(
        files_uploaded=session.files_uploaded - len(files),
        total_bytes=session.total_bytes - sum(file.size for file in files),
        files_mark=_marked(session, files),
        open_refusals=session.open_refusals - (len(removed) - len(files)),
    )


def _marked(session: Session, changed: Sequence[StoredFile]) -> int | None:
    """The session's mark after files were added or removed. One without a mark gets none: it may have other files."""
    return None if session.files_mark is None else session.files_mark ^ mark_of(file.id for file in changed)


def completed(session: Session, refusals: Sequence[Refusal], *, allow_incomplete: bool, now: datetime) -> Session:
    """The completed session, if the completion guard allows it.

    Automations mark a session as done even when an upload failed. Without the guard, incomplete data would be certified
    permanently.

    Raises:
        GraphError: 409 ``uploadSessionIncomplete`` unless ``allow_incomplete``, when there is no file yet, or a file
            was refused and not replaced (each is a detail).
    """
    if not allow_incomplete:
        if refusals:
            raise GraphError(
                SESSION_INCOMPLETE,
                f"This upload session has {counted(len(refusals), 'refused file')} without a replacement. Fix each "
                f"file and upload it again under the same name, or {HOW_TO_WITHDRAW}, or send the header "
                "'Prefer: allow-incomplete' to complete the session without these files.",
                details=[
                    Detail(
                        "fileRefused",
                        f"'{refusal.name}' was refused with {counted(refusal.findings, 'finding')} and not replaced.",
                        refusal.name,
                    )
                    for refusal in refusals[:_MAX_REFUSALS_LISTED]
                ],
                extra={"refusalCount": len(refusals)},
            )
        if not session.files_uploaded:
            raise GraphError(
                SESSION_INCOMPLETE,
                "This upload session has no file yet. Upload a file, or send the header 'Prefer: allow-incomplete' to "
                "complete the session without any.",
            )
    return with_change(session, now)._replace(status=Status.COMPLETE)


def check_deletable(session: Session) -> None:
    """Raise if the session cannot be deleted.

    Raises:
        GraphError: 409 when it is complete.
    """
    if session.status is Status.COMPLETE:
        raise GraphError(SESSION_OVER, "This upload session is complete. A complete session cannot be deleted.")


def session_not_found(key: SessionKey) -> GraphError:
    """The error for a session that does not exist: unknown, of another resource, or deleted."""
    return GraphError(
        SESSION_NOT_FOUND,
        f"This resource has no upload session '{key.session_id}'. List the resource's upload sessions to see which "
        "exist.",
    )


def file_not_found(file_id: str) -> GraphError:
    """The error for a file that the session does not have."""
    return GraphError(
        FILE_NOT_FOUND, f"This upload session has no file '{file_id}'. List the session's files to see which exist."
    )


def refusal_not_found(refusal_id: str) -> GraphError:
    """The error for a refusal that is not open: unknown, replaced, or withdrawn."""
    return GraphError(
        REFUSAL_NOT_FOUND,
        f"This upload session has no open refusal '{refusal_id}'. List the session's refusals to see which are open.",
    )
