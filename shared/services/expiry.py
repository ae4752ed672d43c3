"""Expires and purges the sessions that are due, and writes when to visit each again.

Every read and write decides by the session's row and the clock whether the session has expired. The timer only stores
that, and deletes what is no longer needed. Its cost depends on how many sessions are due, not on how many are stored.
"""

import asyncio
import logging
import time
from collections import Counter
from datetime import datetime, timedelta

from shared.core.ids import derived_id, format_instant, id_time, parse_guid, utc_now
from shared.core.settings import Settings
from shared.domain.audit import SERVICE, Activity, new_record
from shared.domain.events import EventType
from shared.domain.lifecycle import idle_deadline, keeps_files, retention_deadline, status_at, warning_time
from shared.domain.sessions import Session, SessionKey, Status
from shared.services.manifests import write_manifest
from shared.services.outbox import Outbox
from shared.services.removal import end, purge, remove_files
from shared.storage.account import Storage
from shared.storage.blobs import MANIFEST
from shared.storage.session_table import CREATE_TAKES_AT_MOST
from shared.storage.table import Row
from shared.storage.table_calls import ConcurrentChangeError
from shared.storage.time_index import DueSession, due_session
from shared.telemetry.instruments import (
    BACKLOG,
    BACKLOG_AGE,
    SESSIONS_EXPIRING,
    TICK_SESSIONS_PROCESSED,
    TICKS,
    count_expired,
)

# A tick ends long before the host's time limit (functionTimeout in host.json); the rest is left to the next tick.
TICK_SECONDS = 200
TICK_SESSIONS = 10_000
CONCURRENT_SESSIONS = 8

# When the timer looks again at a session whose rows are missing. Until then it does not delay others.
LOOK_AGAIN = timedelta(hours=1)

_log = logging.getLogger("uploads.expiry")


class Expiry:
    """The expiry of an account's sessions."""

    def __init__(self, store: Storage, config: Settings) -> None:
        self._table = store.table
        self._index = store.expiry
        self._blobs = store.blobs
        self._audit = store.audit
        self._time_limits = store.time_limits
        self._outbox = Outbox(store, config)
        self._config = config

    async def tick(self) -> Counter[str]:
        """Process the sessions that are due, oldest first. Returns how often each outcome occurred.

        A session that cannot be processed does not stop the others: the next tick finds it again.
        """
        started = time.monotonic()
        now = utc_now()
        done: Counter[str] = Counter()
        conflict = await self._time_limits.conflict(now)
        if conflict is not None:
            _log.warning(
                "tick: nothing was done, since %s is shorter than noted by another timer on this storage; "
                "if that is another deployment, set UPLOADS_NAME_PREFIX in one of them; if it was this one before a "
                "change of its settings, this ends at %s, or when the row 'settings' of the expiry table is deleted",
                " and ".join(conflict.settings),
                format_instant(conflict.until),
            )
            return Counter(refused=1)

        oldest = now

        async def settle(row: Row) -> None:
            nonlocal oldest
            try:
                entry = due_session(row)
                oldest = min(oldest, entry.due)
                done[await self._settle(entry, now)] += 1
            except Exception as error:  # noqa: BLE001  # whatever it is, it must not stop the other sessions
                done["failed"] += 1
                session_id = parse_guid(str(row["RowKey"]).rpartition(":")[2]) or "of an unreadable index row"
                _log.warning(
                    "session %s could not be processed; the next tick tries again: %s", session_id, type(error).__name__
                )

        batch: list[Row] = []
        left = 0
        async for row in self._index.due(now):
            # Failures do not count, so that rows that always fail never use up the limit.
            if time.monotonic() - started > TICK_SECONDS or done.total() - done["failed"] + len(batch) >= TICK_SESSIONS:
                # No time for this one and those after it: they are only counted, as far as that is cheap.
                left += 1
                if left == TICK_SESSIONS:
                    break
                continue
            batch.append(row)
            if len(batch) == CONCURRENT_SESSIONS:
                await asyncio.gather(*map(settle, batch))
                batch.clear()
        await asyncio.gather(*map(settle, batch))
        _log.info("tick: %s", dict(done) or "no session is due")
        _observe_tick(done, left, now - oldest)
        return done

    async def _settle(self, entry: DueSession, now: datetime) -> str:
        """Process one session, and write when to visit it again. Each step can be repeated.

        Returns the outcome: ``active``, ``expiring``, ``expired``, ``purged``, ``sealed``, ``gone``, ``kept`` or
        ``waiting``.
        """
        session = await self._table.session(entry.key)
        try:
            done, again = (
                await self._settle_session(session, now) if session else await self._settle_missing(entry, now)
            )
        except ConcurrentChangeError:
            return "waiting"
        if again != entry.due:
            # The new row first: a crash between the two writes leaves an extra row, which does no harm.
            if again is not None:
                await self._index.put(DueSession(again, entry.key))
            await self._index.remove(entry)
        return done

    async def _settle_session(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        status = status_at(session, now, self._config.idle)
        if status is Status.ACTIVE:
            return await self._settle_active(session, now)
        if status is Status.EXPIRED:
            return await self._settle_expired(session, now)
        if status is Status.COMPLETE:
            return await self._settle_complete(session, now)
        # Deleted by a request that was interrupted.
        await purge(self._table, self._blobs, session)
        return "gone", None

    async def _settle_active(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        """Active: report once that a session with files will expire soon, and come back when it does."""
        warning = warning_time(session, self._config.idle)
        if now < warning:
            return "active", warning
        deadline = idle_deadline(session, self._config.idle)
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
        SESSIONS_EXPIRING.add(1)
        # A tick that is interrupted here is repeated, with the same event.
        outgoing = self._outbox.event(
            EventType.EXPIRING,
            key,
            {"files": session.files_uploaded, "expirationDateTime": format_instant(deadline)},
            event_id=derived_id(warning, key.session_id),
        )
        await self._outbox.add(key, outgoing)
        return "expiring", deadline

    async def _settle_missing(self, entry: DueSession, now: datetime) -> tuple[str, datetime | None]:
        """The session was deleted or never created: delete what uploads left under it.

        A row is also missing if its table was deleted or is restored only in part. So blobs are deleted only if the
        audit has the deletion of their session.
        """
        names = await self._blobs.names(entry.key)
        if names and not await self._audit.has_deletion(entry.key):
            return _keep(entry.key, now, f"it has {len(names)} blobs, but neither a row nor a record of its deletion")
        await self._blobs.delete(entry.key, names)
        # The index row is written before its session, which may therefore still be created.
        created = id_time(entry.key.session_id)
        return ("waiting", entry.due) if now - created < CREATE_TAKES_AT_MOST else ("gone", None)

    async def _settle_complete(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        """Complete: write a missing manifest, and delete blobs of uploads that ended after the completion.

        When the retention is over, delete the files and the manifest. The session's row stays.
        """
        sweep_at = session.last_active + self._config.max_upload
        if now < sweep_at:
            return "waiting", sweep_at
        if not keeps_files(session, now, self._config.retention):
            return await self._settle_retired(session, now)
        names = set(await self._blobs.names(session.key))
        files = await self._table.files(session.key)
        if len(files) != session.files_uploaded:
            return _keep(session.key, now, f"its row counts {session.files_uploaded} files, and {len(files)} have rows")
        await write_manifest(self._table, self._blobs, session, files, retention=self._config.retention)
        await self._blobs.delete(session.key, sorted(names - {file.id for file in files} - {MANIFEST}))
        return "sealed", retention_deadline(session, self._config.retention)

    async def _settle_retired(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        """Complete, and the retention is over: note that the files are removed, so that nothing is written any more.

        Then remove them, and once more when no request that was in progress can still be running.
        """
        if session.files_removed is None:
            record = new_record(
                Activity.REMOVE_FILES, session.key, SERVICE, files=session.files_uploaded, bytes=session.total_bytes
            )
            session = await self._table.update_session(session._replace(files_removed=now), record)
        await remove_files(self._table, self._blobs, session)
        sweep_at = (session.files_removed or now) + self._config.max_upload
        return "purged", sweep_at if now < sweep_at else None

    async def _settle_expired(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        """Expired: store the status and free the reference; when the grace period is over, delete the files."""
        if session.status is Status.ACTIVE:
            record = new_record(Activity.EXPIRE_SESSION, session.key, SERVICE)
            outgoing = self._outbox.expired(session)
            await self._outbox.expect(session.key, outgoing)
            session = await end(self._table, session, Status.EXPIRED, record, *outgoing)
            count_expired(session.files_uploaded)
            await self._outbox.wake(session.key, outgoing)
        expired = idle_deadline(session, self._config.idle)
        if now < expired + self._config.grace:
            return "expired", expired + self._config.grace
        await remove_files(self._table, self._blobs, session)
        # Visit again when no upload that was in progress can still be running.
        sweep_at = expired + self._config.max_upload
        return "purged", sweep_at if now < sweep_at else None


def _keep(key: SessionKey, now: datetime, reason: str) -> tuple[str, datetime]:
    """Rows are missing that would say which blobs may be deleted: delete none, report it, and look again later."""
    _log.error("nothing of session %s is deleted: %s; restore the missing rows", key.session_id, reason)
    return "kept", now + LOOK_AGAIN


def _observe_tick(done: Counter[str], left: int, age: timedelta) -> None:
    """Record a tick in the metrics: what it did, what it left, and how long the oldest session had waited."""
    TICKS.add(1)
    for outcome, count in done.items():
        TICK_SESSIONS_PROCESSED.add(count, {"uploads.outcome": outcome})
    BACKLOG.set(left + done["failed"] + done["kept"])
    BACKLOG_AGE.set(age.total_seconds())
