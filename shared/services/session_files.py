"""How files get into sessions: an upload begins, and is accepted or refused, each in one transaction.

What ``shared.services.uploads`` has read and checked is made lasting here.
"""

import asyncio
from weakref import WeakValueDictionary

from shared.core.errors import GraphError
from shared.core.ids import utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import Activity, Actor, AuditRecord, Outcome, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import (
    Refusal,
    Session,
    SessionKey,
    StoredFile,
    check_open,
    check_room,
    find_twin,
    with_file,
    with_refusal,
    without_refusal,
)
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions, Snapshot
from shared.storage.account import Storage, storage
from shared.storage.blobs import BlobWriter
from shared.storage.table_calls import ConcurrentChangeError


class Turn:
    """The turn that uploads into one session take within this process, each handing on what it left.

    Nothing depends on it: other processes know nothing of it, and every write is conditional. But who waits for a turn
    does not lose a race, which would cost two reads and a write.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.latest: Snapshot | None = None


_turns: WeakValueDictionary[SessionKey, Turn] = WeakValueDictionary()


def turn_of(key: SessionKey) -> Turn:
    """The turn of a session, which lives as long as somebody has it or waits for it."""
    return _turns.setdefault(key, Turn())


class SessionFiles:
    """The uploads of somebody."""

    def __init__(self, store: Storage, config: Settings, actor: Actor) -> None:
        self._sessions = Sessions(store, config, actor)
        self._table = store.table
        self._blobs = store.blobs
        self._audit = store.audit
        self._config = config
        self._actor = actor

    async def begin_upload(self, key: SessionKey, if_match: IfMatch) -> Snapshot:
        """The session that an upload goes into, if it takes one now.

        Raises:
            GraphError: 404; 409 when it is not active; 400 when it is full; 412.
        """
        snapshot = await self._sessions.snapshot(key)
        if_match.check(snapshot.session.etag)
        check_open(snapshot.session, utc_now(), self._config.idle)
        return snapshot

    def writer(self, key: SessionKey, file_id: str, opened: asyncio.Future[Snapshot]) -> BlobWriter:
        """Where the bytes of a new file go while they come in, once it is clear that the session takes it."""
        return self._blobs.writer(key, file_id, opened)

    async def accept(self, began: Snapshot, file: StoredFile, writer: BlobWriter, if_match: IfMatch) -> Snapshot:
        """Add a valid file: its blob first, then its row and the session's stats in one transaction.

        The same name with the same bytes changes nothing: it is a client that did not hear the first answer.

        Raises:
            GraphError: 404, 409, 400 or 412 when the session or its files changed so that it no longer fits.
            AzureError: storage failed. Whether the row was written is unknown then, so that the blob stays; if no row
                names it, it goes when the session ends.
        """
        try:
            return await self._accept(began, file, writer, if_match)
        except GraphError:
            await writer.discard()
            raise

    async def _accept(self, began: Snapshot, file: StoredFile, writer: BlobWriter, if_match: IfMatch) -> Snapshot:
        key = began.session.key
        committed = all(stored.name != file.name for stored in began.files)
        if committed:
            await writer.commit()
        turn = turn_of(key)
        async with turn.lock:
            snapshot, fresh = turn.latest or began, False
            for _ in attempts():
                session, files = snapshot.session, snapshot.files
                if any(stored.id == file.id for stored in files):
                    return snapshot
                try:
                    twin = self._check_fits(snapshot, file, if_match)
                except GraphError:
                    # Much may have changed while the body came in: a refusal must be about how things are now.
                    if fresh:
                        raise
                    snapshot, fresh = await self._sessions.snapshot(key), True
                    continue
                refused_before = await self._was_refused(session, file.name)
                try:
                    if twin is not None:
                        await writer.discard()
                        if refused_before:
                            changed = without_refusal(session, utc_now())
                            record = self._record(key, twin.name, twin.size, twin.sha256, fileId=twin.id)
                            session = await self._table.clear_refusal(changed, file.name, record)
                        return Snapshot(session, files)
                    if not committed:
                        await writer.commit()
                        committed = True
                    changed = with_file(session, file, clears_refusal=refused_before, now=utc_now())
                    record = self._record(key, file.name, file.size, file.sha256, fileId=file.id, rows=file.rows)
                    session = await self._table.add_file(changed, file, record, clears_refusal=refused_before)
                    turn.latest = Snapshot(session, [*files, file])
                    return turn.latest
                except ConcurrentChangeError:
                    await pause()
                    snapshot, fresh = await self._sessions.snapshot(key), True
        raise too_busy()

    def _check_fits(self, snapshot: Snapshot, file: StoredFile, if_match: IfMatch) -> StoredFile | None:
        """Raise unless the session takes this file; gives the file if it has it already."""
        if_match.check(snapshot.session.etag)
        check_open(snapshot.session, utc_now(), self._config.idle)
        twin = find_twin(snapshot.files, file)
        if twin is None:
            check_room(snapshot.session, self._config.max_files)
        return twin

    async def refuse(
        self, began: Snapshot, refusal: Refusal, if_match: IfMatch, *, size: int, sha256: str | None
    ) -> None:
        """Remember that a file was refused, until a good one of its name replaces it.

        Args:
            began: the session when the upload began.
            refusal: what is remembered.
            if_match: the caller's condition.
            size: of the file, in bytes, for the record, as ``sha256`` is (hex; ``None`` if not all of it was read).

        Raises:
            GraphError: 404, 409 or 412 when the session no longer takes changes.
        """
        key = began.session.key
        record = self._record(key, refusal.name, size, sha256, outcome=Outcome.REFUSED, findings=refusal.findings)
        session = await self._sessions.get(key)
        for _ in attempts():
            if_match.check(session.etag)
            check_open(session, utc_now(), self._config.idle)
            known = await self._was_refused(session, refusal.name)
            try:
                changed = with_refusal(session, known=known, now=utc_now())
                await self._table.add_refusal(changed, refusal, record)
            except ConcurrentChangeError:
                if await self._audit.has(record):
                    return
                await pause()
                session = await self._sessions.get(key)
            else:
                return
        raise too_busy()

    def _record(
        self,
        key: SessionKey,
        name: str,
        size: int,
        sha256: str | None,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        **details: str | int,
    ) -> AuditRecord:
        return new_record(
            Activity.UPLOAD_FILE, key, self._actor, outcome, name=name, size=size, sha256=sha256, **details
        )

    async def _was_refused(self, session: Session, name: str) -> bool:
        refusals = await self._table.refusals(session.key) if session.open_refusals else ()
        return any(refusal.name == name for refusal in refusals)


async def session_files(actor: Actor) -> SessionFiles:
    """The uploads of somebody into the account that the settings name.

    Raises:
        AzureError: storage does not answer; the next call tries again.
    """
    return SessionFiles(await storage(), settings(), actor)
