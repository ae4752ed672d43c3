"""The open refusals of sessions: remembered by an upload, listed and withdrawn by a caller."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from shared.core.ids import utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import Activity, Actor, Outcome, new_record
from shared.domain.etags import IfMatch
from shared.domain.events import EventType
from shared.domain.lifecycle import (
    check_open,
    has_room_for_refusal,
    refusal_not_found,
    with_change,
    with_refusal,
    without_entries,
)
from shared.domain.sessions import Refusal, SessionKey, StoredFile
from shared.services.outbox import Outbox
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions
from shared.services.together import together
from shared.storage.account import Storage, storage
from shared.storage.table import Operation
from shared.storage.table_calls import ConcurrentChangeError


class Remembered(NamedTuple):
    """What became of a refusal: remembered, unless ``accepted`` (a file of that name) or ``full`` says why not."""

    accepted: StoredFile | None = None
    full: bool = False


class SessionRefusals:
    """The open refusals of a storage account's sessions, read and changed on behalf of an actor."""

    def __init__(self, store: Storage, config: Settings, actor: Actor) -> None:
        self._sessions = Sessions(store, config, actor)
        self._table = store.table
        self._audit = store.audit
        self._outbox = Outbox(store, config)
        self._config = config
        self._actor = actor

    async def remember(
        self, key: SessionKey, refusal: Refusal, if_match: IfMatch, *, size: int, sha256: str | None
    ) -> Remembered:
        """Remember that a file was refused, until an accepted file of the same name replaces it.

        A name that has an accepted file is not remembered as refused: that file stays. The upload is recorded, and
        postpones the expiration, in both cases. A session that has as many open refusals as files are allowed does not
        change at all.

        Args:
            key: the session.
            refusal: what is remembered.
            if_match: the caller's condition.
            size: of the file, in bytes, for the audit record.
            sha256: of the file, in hex, for the audit record; ``None`` if the file was not read to its end.

        Raises:
            GraphError: 404, 409 or 412 when the session cannot be changed.
        """
        record = new_record(
            Activity.UPLOAD_FILE,
            key,
            self._actor,
            Outcome.REFUSED,
            name=refusal.name,
            size=size,
            sha256=sha256,
            findings=refusal.findings,
        )
        for _ in attempts():
            snapshot, _ = await together(self._sessions.snapshot(key), self._audit.expect(record))
            session, now = snapshot.session, utc_now()
            if_match.check(session.etag)
            check_open(session, now, self._config.idle)
            accepted = next((file for file in snapshot.files if file.name == refusal.name), None)
            outgoing: Sequence[Operation] = ()
            try:
                if accepted is not None:
                    await self._table.update_session(with_change(session, now), record)
                    return Remembered(accepted)
                known = bool(session.open_refusals) and await self._table.refusal(key, refusal.id) is not None
                if not known and not has_room_for_refusal(session, self._config.max_files):
                    return Remembered(full=True)
                outgoing = self._outbox.event(
                    EventType.FILE_REFUSED, key, {"findings": refusal.findings, "bytes": size}
                )
                await self._outbox.expect(key, outgoing)
                await self._table.add_refusal(with_refusal(session, known=known, now=now), refusal, record, *outgoing)
            except ConcurrentChangeError:
                if not await self._audit.has(record):
                    await pause()
                    continue
                # The answer was lost: this request has made the change.
            await self._outbox.wake(key, outgoing)
            return Remembered(accepted)
        raise too_busy()

    async def of_session(self, key: SessionKey) -> Sequence[Refusal]:
        """The open refusals of a session, the oldest first.

        Raises:
            GraphError: 404.
        """
        _, refusals = await asyncio.gather(self._sessions.get(key), self._table.refusals(key))
        return sorted(refusals, key=lambda refusal: refusal.refused)

    async def withdraw(self, key: SessionKey, refusal_id: str) -> None:
        """Withdraw a refusal, so that it no longer blocks the completion of its session.

        Raises:
            GraphError: 404 for the session or the refusal; 409 when the session is not active.
        """
        for _ in attempts():
            session, refusal = await asyncio.gather(self._sessions.get(key), self._table.refusal(key, refusal_id))
            if refusal is None:
                raise refusal_not_found(refusal_id)
            check_open(session, utc_now(), self._config.idle)
            changed = with_change(without_entries(session, [refusal]), utc_now())
            record = new_record(Activity.DELETE_REFUSAL, key, self._actor, name=refusal.name, findings=refusal.findings)
            try:
                await self._table.remove_rows(changed, [refusal], record)
            except ConcurrentChangeError:
                if not await self._audit.has(record):
                    await pause()
                    continue
            return
        raise too_busy()


def session_refusals(actor: Actor) -> SessionRefusals:
    """The open refusals of the configured storage account's sessions, on behalf of an actor."""
    return SessionRefusals(storage(), settings(), actor)
