"""Expires and purges the sessions that are due, and writes when to visit each again.

Every read and write decides by the session's row and the clock whether the session has expired. The timer only stores
that, and deletes what is no longer needed. Its cost depends on how many sessions are due, not on how many are stored.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta

from shared.core.errors import INCOMPLETE_DATA, GraphError
from shared.core.ids import derived_id, format_instant, id_time, utc_now
from shared.domain.audit import SERVICE, Activity, new_record
from shared.domain.directory import DIRECTORIES
from shared.domain.events import EventType
from shared.domain.lifecycle import idle_deadline, keeps_files, retention_deadline, status_at, warning_time
from shared.domain.sessions import Session, SessionKey, Status
from shared.services.changes import change
from shared.services.context import Context
from shared.services.directory.removing import settle_directory
from shared.services.due_walk import Walked, walk
from shared.services.sessions import outbox
from shared.services.sessions.completing import write_manifest
from shared.services.sessions.ending import end, purge, remove_files
from shared.services.sessions.reading import snapshot_of
from shared.services.sessions.receipts import sealed
from shared.storage.azure.blobs import MANIFEST
from shared.storage.indexes.due_sessions import DueSession
from shared.storage.resource_partition.sessions import CREATE_TAKES_AT_MOST
from shared.telemetry.instruments import (
    BACKLOG,
    BACKLOG_AGE,
    SESSIONS_EXPIRING,
    TICK_SESSIONS_PROCESSED,
    TICKS,
    count_expired,
)

# When the timer looks again at a session whose rows are missing. Until then it does not delay others.
LOOK_AGAIN = timedelta(hours=1)

_log = logging.getLogger("uploads.expiry")


async def expire_due(context: Context) -> Counter[str]:
    """Process the sessions that are due, oldest first. Returns how often each outcome occurred.

    A session that cannot be processed does not stop the others: the next tick finds it again.
    """
    now = utc_now()
    conflict = await context.storage.timer_note.conflict(now)
    if conflict is not None:
        _log.warning(
            "tick: nothing was done, since %s is shorter than noted by another timer on this storage; "
            "if that is another deployment, set UPLOADS_NAME_PREFIX in one of them; if it was this one before a "
            "change of its settings, this ends at %s, or when the row 'settings' of the expiry table is deleted",
            " and ".join(conflict.settings),
            format_instant(conflict.until),
        )
        return Counter(refused=1)

    walked = await walk(context.storage.due_expiries, now, lambda entry: _settle(context, entry, now))
    _log.info("tick: %s", dict(walked.done) or "no session is due")
    _observe_tick(walked, now)
    return walked.done


async def _settle(context: Context, entry: DueSession, now: datetime) -> str:
    """Process one session, and write when to visit it again. Each step can be repeated.

    Returns the outcome: ``active``, ``expiring``, ``expired``, ``purged``, ``sealed``, ``gone``, ``kept`` or
    ``waiting``; for a directory ``current`` or ``removed``.
    """

    async def attempt() -> tuple[str, datetime | None]:
        if entry.key.resource == DIRECTORIES:
            return await settle_directory(context, entry.key.session_id), None
        session = await context.storage.sessions.session(entry.key)
        if session is None:
            return await _settle_missing(context, entry, now)
        return await _settle_session(context, session, now)

    # Where the answer was lost, the next tick finds the session as it is then.
    done, again = await change(context, attempt) or ("waiting", entry.due)
    if again != entry.due:
        # The new row first: a crash between the two writes leaves an extra row, which does no harm.
        if again is not None:
            await context.storage.due_expiries.put(DueSession(again, entry.key))
        await context.storage.due_expiries.remove(entry)
    return done


async def _settle_session(context: Context, session: Session, now: datetime) -> tuple[str, datetime | None]:
    status = status_at(session, now, context.settings.idle)
    if status is Status.ACTIVE:
        return await _settle_active(context, session, now)
    if status is Status.EXPIRED:
        return await _settle_expired(context, session, now)
    if status is Status.COMPLETE:
        return await _settle_complete(context, session, now)
    # Deleted by a request that was interrupted.
    await purge(context, session)
    return "gone", None


async def _settle_active(context: Context, session: Session, now: datetime) -> tuple[str, datetime | None]:
    """Active: report once that a session with files will expire soon, and come back when it does."""
    warning = warning_time(session, context.settings.idle)
    if now < warning:
        return "active", warning
    deadline = idle_deadline(session, context.settings.idle)
    # Without a warning the timer comes at the deadline, when the session is no longer active.
    if warning == deadline or not session.files_uploaded:
        return "active", deadline
    key = session.key
    _log.warning(
        "session %s with %d files expires at %s catalog=%s resource=%s",
        key.session_id,
        session.files_uploaded,
        deadline.isoformat(timespec="seconds"),
        key.resource.catalog_id,
        key.resource.resource_id,
    )
    # A tick that is interrupted here is repeated, with the same event. It is sent only while it is true.
    outgoing = outbox.event(
        context,
        EventType.EXPIRING,
        key,
        {"files": session.files_uploaded, "expirationDateTime": format_instant(deadline)},
        event_id=derived_id(warning, key.session_id),
    )
    await outbox.add(context, key, outgoing)
    SESSIONS_EXPIRING.add(1)
    return "expiring", deadline


async def _settle_missing(context: Context, entry: DueSession, now: datetime) -> tuple[str, datetime | None]:
    """The session was deleted or never created: delete what uploads left under it.

    A row is also missing if its table was deleted or is restored only in part. So blobs are deleted only if the
    audit has the deletion of their session.
    """
    names = await context.storage.blobs.names(entry.key)
    if names and not await context.storage.audit.has_deletion(entry.key):
        return _keep(entry.key, now, f"it has {len(names)} blobs, but neither a row nor a record of its deletion")
    await context.storage.blobs.delete(entry.key, names)
    # The index row is written before its session, which may therefore still be created.
    created = id_time(entry.key.session_id)
    return ("waiting", entry.due) if now - created < CREATE_TAKES_AT_MOST else ("gone", None)


async def _settle_complete(context: Context, session: Session, now: datetime) -> tuple[str, datetime | None]:
    """Complete: write a missing manifest, and delete blobs of uploads that ended after the completion.

    When the retention is over, delete the files and the manifest. The session's row stays.
    """
    sweep_at = session.last_active + context.settings.max_upload
    if now < sweep_at:
        return "waiting", sweep_at
    if not keeps_files(session, now, context.settings.retention):
        return await _settle_retired(context, session, now)
    names = set(await context.storage.blobs.names(session.key))
    try:
        snapshot = await snapshot_of(context, session, await context.storage.sessions.files(session.key))
    except GraphError as error:
        if error.problem is not INCOMPLETE_DATA:
            raise
        return _keep(session.key, now, "its row and those of its files do not belong together")
    await write_manifest(context, *snapshot)
    owned = {name for file in snapshot.files for name in file.blobs}
    await context.storage.blobs.delete(session.key, sorted(names - owned - {MANIFEST}))
    return "sealed", retention_deadline(session, context.settings.retention)


async def _settle_retired(context: Context, session: Session, now: datetime) -> tuple[str, datetime | None]:
    """Complete, and the retention is over: note that the files are removed, so that nothing is written any more.

    Then remove them, and once more when no request that was in progress can still be running.
    """
    if session.files_removed is None:
        record = new_record(
            Activity.REMOVE_FILES, session.key, SERVICE, files=session.files_uploaded, bytes=session.total_bytes
        )
        retired, also = session._replace(files_removed=now), []
        if session.sealed is None:
            # A version completed it that stored no receipt. Who did it is in the audit.
            retired, put_receipt = sealed(retired, await context.storage.sessions.files(session.key), SERVICE)
            also.append(put_receipt)
        session = await context.storage.sessions.update_session(retired, record, *also)
    await remove_files(context, session, await context.storage.blobs.names(session.key))
    sweep_at = (session.files_removed or now) + context.settings.max_upload
    return "purged", sweep_at if now < sweep_at else None


async def _settle_expired(context: Context, session: Session, now: datetime) -> tuple[str, datetime | None]:
    """Expired: store the status and free the reference; when the grace period is over, delete the files."""
    if session.status is Status.ACTIVE:
        record = new_record(Activity.EXPIRE_SESSION, session.key, SERVICE)
        outgoing = outbox.expired(context, session)
        await outbox.expect(context, session.key, outgoing)
        session = await end(context, session, Status.EXPIRED, record, *outgoing)
        count_expired(session.files_uploaded)
        await outbox.wake(context, session.key, outgoing)
    expired = idle_deadline(session, context.settings.idle)
    if now < expired + context.settings.grace:
        return "expired", expired + context.settings.grace
    names = await context.storage.blobs.names(session.key)
    if MANIFEST in names:
        # Written after the completion was stored: the session's row is of an earlier time.
        return _keep(session.key, now, "it has a manifest, and its row says that it was never complete")
    await remove_files(context, session, names)
    # Visit again when no upload that was in progress can still be running.
    sweep_at = expired + context.settings.max_upload
    return "purged", sweep_at if now < sweep_at else None


def _keep(key: SessionKey, now: datetime, reason: str) -> tuple[str, datetime]:
    """Rows are missing that would say which blobs may be deleted: delete none, report it, and look again later."""
    _log.error("nothing of session %s is deleted: %s; restore its rows", key.session_id, reason)
    return "kept", now + LOOK_AGAIN


def _observe_tick(walked: Walked, now: datetime) -> None:
    """Record a tick in the metrics: what it did, what it left, and how long the oldest session had waited."""
    TICKS.add(1)
    for outcome, count in walked.done.items():
        TICK_SESSIONS_PROCESSED.add(count, {"uploads.outcome": outcome})
    BACKLOG.set(walked.left + walked.done["failed"] + walked.done["kept"])
    BACKLOG_AGE.set((now - walked.oldest).total_seconds())
