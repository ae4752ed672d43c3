"""What the timer does: settles the sessions whose time has come, and writes when to look at each again.

Whether a session is over is decided by its own row and the clock, on every read and write; the timer only makes it
lasting, and removes what nobody needs any more. Its cost grows with what is due, not with what is stored.
"""

import asyncio
import logging
import time
from collections import Counter
from datetime import datetime

from azure.core.exceptions import AzureError

from shared.core.ids import id_time, utc_now
from shared.core.settings import Settings
from shared.domain.audit import SERVICE
from shared.domain.lifecycle import Session, Status, idle_deadline, status_at
from shared.models.manifest import manifest
from shared.services.removal import end, purge, remove_files
from shared.storage.account import Storage
from shared.storage.blobs import MANIFEST
from shared.storage.session_table import CREATE_TAKES_AT_MOST, ExpiryEntry
from shared.storage.table_calls import ConcurrentChangeError

# A tick ends well before the host would end it (host.json, functionTimeout); what is left is for the next one.
TICK_SECONDS = 200
TICK_SESSIONS = 10_000
SETTLED_AT_ONCE = 8

_log = logging.getLogger("uploads.expiry")


class Expiry:
    """The expiry of an account's sessions."""

    def __init__(self, store: Storage, config: Settings) -> None:
        self._table = store.table
        self._blobs = store.blobs
        self._config = config

    async def tick(self) -> Counter[str]:
        """Settle what is due, those that have waited longest first; gives how often each thing was done.

        A session that cannot be settled now does not stand in the others' way: the next tick finds it again.
        """
        started = time.monotonic()
        now = utc_now()
        done: Counter[str] = Counter()

        async def settle(entry: ExpiryEntry) -> None:
            try:
                done[await self._settle(entry, now)] += 1
            except AzureError as error:
                done["failed"] += 1
                _log.warning("session %s waits for the next tick: %s", entry.key.session_id, type(error).__name__)

        batch: list[ExpiryEntry] = []
        async for entry in self._table.due(now):
            batch.append(entry)
            if len(batch) == SETTLED_AT_ONCE:
                await asyncio.gather(*map(settle, batch))
                batch.clear()
            if time.monotonic() - started > TICK_SECONDS or done.total() + len(batch) >= TICK_SESSIONS:
                break
        await asyncio.gather(*map(settle, batch))
        _log.info("tick: %s", dict(done) or "nothing due")
        return done

    async def _settle(self, entry: ExpiryEntry, now: datetime) -> str:
        """Do what is due for one session, and write when to look again. Each step can be repeated.

        Returns what was done: ``active``, ``expired``, ``purged``, ``sealed``, ``gone`` or ``waiting``.
        """
        session = await self._table.session(entry.key)
        try:
            done, again = (
                await self._settle_session(session, now) if session else await self._settle_missing(entry, now)
            )
        except ConcurrentChangeError:
            return "waiting"
        if again != entry.due:
            # The new row first: a crash between the two leaves one too many, which does no harm.
            if again is not None:
                await self._table.put_expiry(ExpiryEntry(again, entry.key))
            await self._table.delete_expiry(entry)
        return done

    async def _settle_session(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        status = status_at(session, now, self._config.idle)
        if status is Status.ACTIVE:
            return "active", idle_deadline(session, self._config.idle)
        if status is Status.EXPIRED:
            return await self._settle_expired(session, now)
        if status is Status.COMPLETE:
            return await self._settle_complete(session, now)
        # Deleted, by a request that did not come to its end.
        await purge(self._table, self._blobs, session)
        return "gone", None

    async def _settle_missing(self, entry: ExpiryEntry, now: datetime) -> tuple[str, datetime | None]:
        """No session: deleted, or never made. What uploads left under it goes."""
        await self._blobs.delete(entry.key, await self._blobs.names(entry.key))
        # The index row is written before its session: one that is this young may still be coming.
        made = id_time(entry.key.session_id)
        return ("waiting", entry.due) if now - made < CREATE_TAKES_AT_MOST else ("gone", None)

    async def _settle_complete(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        """Complete: make sure of the manifest, and sweep what uploads left that lost against the completion.

        Once the retention is over, the files go, and the manifest with them; the record stays.
        """
        sweep_at = session.last_active + self._config.max_upload
        if now < sweep_at:
            return "waiting", sweep_at
        retention = self._config.retention
        if retention is not None and now >= session.last_active + retention:
            await remove_files(self._table, self._blobs, session)
            return "purged", None
        names = set(await self._blobs.names(session.key))
        files = await self._table.files(session.key)
        await self._blobs.put_manifest(session.key, manifest(session, files))
        await self._blobs.delete(session.key, sorted(names - {file.id for file in files} - {MANIFEST}))
        return "sealed", None if retention is None else session.last_active + retention

    async def _settle_expired(self, session: Session, now: datetime) -> tuple[str, datetime | None]:
        """Expired: make it lasting, and free the reference; once its grace is over, remove the files."""
        if session.status is Status.ACTIVE:
            session = await end(self._table, session, Status.EXPIRED, SERVICE)
        expired = idle_deadline(session, self._config.idle)
        if now < expired + self._config.grace:
            return "expired", expired + self._config.grace
        await remove_files(self._table, self._blobs, session)
        # Once more when no upload that was under way can still be running.
        sweep_at = expired + self._config.max_upload
        return "purged", sweep_at if now < sweep_at else None
