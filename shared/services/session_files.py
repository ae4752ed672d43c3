"""The files of sessions: an upload begins, and is accepted or refused, each in one transaction.

``shared.services.uploads`` reads and validates the file; this module stores the result.
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
    check_file_count,
    check_open,
    find_identical,
    with_file,
    with_refusal,
    without_refusal,
)
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions, Snapshot
from shared.storage.account import Storage, storage
from shared.storage.blobs import BlobWriter
from shared.storage.table_calls import ConcurrentChangeError


class UploadQueue:
    """Serializes the uploads into one session within this process; each passes its result to the next.

    Correctness does not depend on it: every write is conditional, and other processes have queues of their own. It
    saves the two reads and the write that losing a race costs.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.latest: Snapshot | None = None


_queues: WeakValueDictionary[SessionKey, UploadQueue] = WeakValueDictionary()


def queue_of(key: SessionKey) -> UploadQueue:
    """The queue of a session, which exists as long as an upload is in it."""
    return _queues.setdefault(key, UploadQueue())


class SessionFiles:
    """The files of a storage account's sessions, changed on behalf of an actor."""

    def __init__(self, store: Storage, config: Settings, actor: Actor) -> None:
        self._sessions = Sessions(store, config, actor)
        self._table = store.table
        self._blobs = store.blobs
        self._audit = store.audit
        self._config = config
        self._actor = actor

    async def begin_upload(self, key: SessionKey, if_match: IfMatch) -> Snapshot:
        """The session that a file is uploaded into, if it is active now.

        Raises:
            GraphError: 404; 409 when it is not active; 412.
        """
        snapshot = await self._sessions.snapshot(key)
        if_match.check(snapshot.session.etag)
        check_open(snapshot.session, utc_now(), self._config.idle)
        return snapshot

    def writer(self, key: SessionKey, file_id: str, opened: asyncio.Future[Snapshot]) -> BlobWriter:
        """A writer for the bytes of a new file, which sends nothing before ``opened`` is done."""
        return self._blobs.writer(key, file_id, opened)

    async def accept(self, began: Snapshot, file: StoredFile, writer: BlobWriter, if_match: IfMatch) -> Snapshot:
        """Add a valid file: its blob first, then its row and the session's stats in one transaction.

        The same name with the same bytes changes nothing: the client has lost the first answer.

        Raises:
            GraphError: 404, 409, 400 or 412 when the session does not accept the file.
            AzureError: storage failed. Whether the row was written is unknown, so the blob stays; if no row refers to
                it, it is removed when the session ends.
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
        queue = queue_of(key)
        async with queue.lock:
            snapshot, fresh = queue.latest or began, False
            for _ in attempts():
                session, files = snapshot.session, snapshot.files
                if any(stored.id == file.id for stored in files):
                    return snapshot
                try:
                    identical = self._check_fits(snapshot, file, if_match)
                except GraphError:
                    # The session may have changed while the body was received: errors must be about its current state.
                    if fresh:
                        raise
                    snapshot, fresh = await self._sessions.snapshot(key), True
                    continue
                refused_before = await self._was_refused(session, file.name)
                try:
                    if identical is not None:
                        await writer.discard()
                        if refused_before:
                            changed = without_refusal(session, utc_now())
                            record = self._record(key, file.name, file.size, file.sha256, fileId=identical.id)
                            session = await self._table.clear_refusal(changed, file.name, record)
                        return Snapshot(session, files)
                    if not committed:
                        await writer.commit()
                        committed = True
                    changed = with_file(session, file, clears_refusal=refused_before, now=utc_now())
                    record = self._record(key, file.name, file.size, file.sha256, fileId=file.id, rows=file.rows)
                    session = await self._table.add_file(changed, file, record, clears_refusal=refused_before)
                    queue.latest = Snapshot(session, [*files, file])
                    return queue.latest
                except ConcurrentChangeError:
                    await pause()
                    snapshot, fresh = await self._sessions.snapshot(key), True
        raise too_busy()

    def _check_fits(self, snapshot: Snapshot, file: StoredFile, if_match: IfMatch) -> StoredFile | None:
        """Raise unless the session accepts this file; returns its identical file if it has one."""
        if_match.check(snapshot.session.etag)
        check_open(snapshot.session, utc_now(), self._config.idle)
        identical = find_identical(snapshot.files, file)
        if identical is None:
            check_file_count(snapshot.session, self._config.max_files)
        return identical

    async def refuse(
        self, began: Snapshot, refusal: Refusal, if_match: IfMatch, *, size: int, sha256: str | None
    ) -> None:
        """Remember that a file was refused, until an accepted file of the same name replaces it.

        Args:
            began: the session when the upload began.
            refusal: what is remembered.
            if_match: the caller's condition.
            size: of the file, in bytes, for the audit record.
            sha256: of the file, in hex, for the audit record; ``None`` if the file was not read to its end.

        Raises:
            GraphError: 404, 409 or 412 when the session cannot be changed.
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
    """The files of the configured storage account's sessions, on behalf of an actor.

    Raises:
        AzureError: storage does not answer; the next call tries again.
    """
    return SessionFiles(await storage(), settings(), actor)
