"""Completes upload sessions: whether a session may be completed, and everything that is stored with its completion."""

import asyncio
from collections.abc import Sequence

from shared.core.ids import utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import Activity, Actor, Outcome, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import check_open, completed, idle_deadline
from shared.domain.plausibility import ALLOW_CHANGE, LastComplete, unexpected_change
from shared.domain.sessions import Refusal, ResourceKey, Session, SessionKey, Snapshot, Status, StoredFile
from shared.services.manifests import write_manifest
from shared.services.outbox import Outbox
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions
from shared.storage.account import Storage, storage
from shared.storage.session_rows import put_last_complete
from shared.storage.table import Operation
from shared.storage.table_calls import ConcurrentChangeError
from shared.telemetry.instruments import SESSIONS_COMPLETED, TIME_LEFT


class Completion:
    """Completes sessions on behalf of an actor."""

    def __init__(self, store: Storage, config: Settings, actor: Actor) -> None:
        self._sessions = Sessions(store, config, actor)
        self._table = store.table
        self._blobs = store.blobs
        self._audit = store.audit
        self._outbox = Outbox(store, config)
        self._config = config
        self._actor = actor

    async def complete(
        self, key: SessionKey, if_match: IfMatch, *, allow_incomplete: bool, allow_change: bool
    ) -> Snapshot:
        """Complete a session and write its manifest. A session that is already complete does not change.

        Raises:
            GraphError: 404; 409 when it has expired, is incomplete, or differs too much from the last one; 412.
        """
        outgoing: Sequence[Operation] = ()
        for _ in attempts():
            snapshot = await self._sessions.snapshot(key)
            session, files = snapshot.session, snapshot.files
            if_match.check(session.etag)
            if session.status is not Status.COMPLETE:
                check_open(session, utc_now(), self._config.idle)
                refusals, last, forwarded = await asyncio.gather(
                    self._open_refusals(session), self._last_complete(key.resource), self._outbox.forwards(key.resource)
                )
                after = completed(session, refusals, allow_incomplete=allow_incomplete, now=utc_now())
                details = self._details(session, files, last, allow_change=allow_change)
                record = new_record(Activity.COMPLETE_SESSION, key, self._actor, Outcome.SUCCESS, **details)
                outgoing = self._outbox.completion(after, files, forwarded=forwarded)
                await asyncio.gather(self._outbox.expect(key, outgoing), self._audit.expect(record))
                time_left = idle_deadline(session, self._config.idle) - utc_now()
                put_last = put_last_complete(after, files, last, compared=self._compares)
                try:
                    session = await self._table.update_session(after, record, put_last, *outgoing)
                except ConcurrentChangeError:
                    if not await self._audit.has(record):
                        await pause()
                        continue
                    # The answer was lost: this request has completed the session, which has another ETag now.
                    session = await self._sessions.get(key)
                SESSIONS_COMPLETED.add(1)
                TIME_LEFT.record(time_left.total_seconds())
            # After a crash at this point a repeated request or the timer writes the manifest.
            await write_manifest(self._table, self._blobs, session, files, retention=self._config.retention)
            await self._outbox.wake(key, outgoing)
            return Snapshot(session, files)
        raise too_busy()

    async def _open_refusals(self, session: Session) -> Sequence[Refusal]:
        return await self._table.refusals(session.key) if session.open_refusals else ()

    @property
    def _compares(self) -> bool:
        """Whether a session is compared with the last complete one of its resource."""
        return self._config.max_shrink_percent is not None or self._config.max_growth_percent is not None

    async def _last_complete(self, resource: ResourceKey) -> LastComplete | None:
        return await self._table.last_complete(resource) if self._compares else None

    def _details(
        self, session: Session, files: Sequence[StoredFile], last: LastComplete | None, *, allow_change: bool
    ) -> dict[str, str | int]:
        """The details of the audit record.

        Raises:
            GraphError: 409 if the number of rows differs too much from the last complete session.
        """
        rows = sum(file.rows for file in files)
        details: dict[str, str | int] = {
            "files": session.files_uploaded,
            "bytes": session.total_bytes,
            "rows": rows,
        }
        limits = {"max_shrink": self._config.max_shrink_percent, "max_growth": self._config.max_growth_percent}
        unexpected = None if last is None else unexpected_change(rows, last, **limits)
        if unexpected is None or last is None:
            return details
        if not allow_change:
            raise unexpected
        return details | {"preference": ALLOW_CHANGE, "lastRows": last.rows}


def completion(actor: Actor) -> Completion:
    """Completes the sessions of the configured storage account, on behalf of an actor."""
    return Completion(storage(), settings(), actor)
