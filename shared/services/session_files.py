"""The files of sessions: an upload begins and is accepted, or a file is deleted, each in one transaction.

``shared.services.uploads`` reads and validates a file; this module stores it.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from azure.core.exceptions import AzureError

from shared.core.errors import GraphError
from shared.core.ids import utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import Activity, Actor, AuditRecord, Outcome, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import (
    check_file_count,
    check_open,
    file_not_found,
    find_identical,
    with_change,
    with_file,
    without_entries,
)
from shared.domain.sessions import SessionKey, StoredFile, refusal_id
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions, Snapshot
from shared.storage.account import Storage, storage
from shared.storage.blobs import BlobWriter
from shared.storage.table_calls import ConcurrentChangeError

# An upload begins with what another one has stored at most so long ago. The older it is, the likelier another process
# has changed the session since, which costs a lost race.
_RECENT_SECONDS = 1


class UploadQueue:
    """Serializes the uploads into one session within this process; each passes its result to the others.

    Correctness does not depend on it: every write is conditional, and other processes have queues of their own. It
    saves the two reads of an upload that begins meanwhile, and the two reads and the write that losing a race costs.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.latest: Snapshot | None = None
        self._learned = 0.0

    def learn(self, snapshot: Snapshot) -> None:
        """Keep the newest state of the session that an upload has read or stored."""
        self.latest, self._learned = snapshot, time.monotonic()

    @property
    def recent(self) -> Snapshot | None:
        """The latest state, if it is recent."""
        return self.latest if time.monotonic() < self._learned + _RECENT_SECONDS else None


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

    async def begin_upload(self, key: SessionKey, if_match: IfMatch, queue: UploadQueue) -> Snapshot:
        """The session that a file is uploaded into, if it is active: as another upload has just stored it, or read.

        What another upload has stored may be outdated. It can let an upload begin, and never refuse one.

        Raises:
            GraphError: 404; 409 when it is not active; 412.
        """
        known = queue.recent
        if known is not None:
            with suppress(GraphError):
                self._check_open(known, if_match)
                return known
        latest = queue.latest
        snapshot = await self.read_open(key, if_match)
        if queue.latest is latest:
            queue.learn(snapshot)
        return snapshot

    async def read_open(self, key: SessionKey, if_match: IfMatch) -> Snapshot:
        """The session as it is stored now, if it is active.

        Raises:
            GraphError: as ``begin_upload``.
        """
        snapshot = await self._sessions.snapshot(key)
        self._check_open(snapshot, if_match)
        return snapshot

    def writer(self, key: SessionKey, file_id: str, opened: asyncio.Future[Any]) -> BlobWriter:
        """A writer for the bytes of a new file, which sends nothing before ``opened`` is done."""
        return self._blobs.writer(key, file_id, opened)

    async def accept(
        self, began: Snapshot, file: StoredFile, writer: BlobWriter, if_match: IfMatch, queue: UploadQueue
    ) -> Snapshot:
        """Add a valid file: its blob first, then its row and the session's stats in one transaction.

        The same name with the same bytes changes nothing: the client has lost the first answer.

        Raises:
            GraphError: 404, 409, 400 or 412 when the session does not accept the file.
            AzureError: storage failed. Whether the row was written is unknown, so the blob stays; if no row refers to
                it, it is removed when the session ends.
        """
        try:
            accepted = await self._accept(began, file, writer, if_match, queue)
        except GraphError:
            await writer.discard()
            raise
        return accepted or await self._sessions.snapshot(began.session.key)

    async def _accept(
        self, began: Snapshot, file: StoredFile, writer: BlobWriter, if_match: IfMatch, queue: UploadQueue
    ) -> Snapshot | None:
        """The session with the file; ``None`` if the file was added by a transaction whose answer was lost.

        What ``began`` or another upload has read may be outdated. A write is conditional on it. An answer without a
        write, which is an error or that the session has the file already, needs a fresh read.
        """
        key = began.session.key
        record = self._record(Activity.UPLOAD_FILE, key, file, rows=file.rows)
        committed = all(stored.name != file.name for stored in began.files)
        if committed:
            await asyncio.gather(writer.commit(), self._audit.expect(record))
        async with queue.lock:
            snapshot, fresh = queue.latest or began, False
            for _ in attempts():
                try:
                    identical = self._check_fits(snapshot, file, if_match)
                    if identical is not None and fresh:
                        await writer.discard()
                        return snapshot
                except GraphError:
                    if fresh:
                        raise
                    identical = file
                if identical is not None:
                    snapshot, fresh = await self._sessions.snapshot(key), True
                    continue
                if not committed:
                    await writer.commit()
                    committed = True
                session = snapshot.session
                refused = session.open_refusals and await self._table.refusal(key, refusal_id(file.name))
                changed = with_file(session, file, clears_refusal=bool(refused), now=utc_now())
                try:
                    session = await self._table.add_file(changed, file, record, clears_refusal=bool(refused))
                except ConcurrentChangeError:
                    if await self._audit.has(record):
                        return None
                    await pause()
                    snapshot, fresh = await self._sessions.snapshot(key), True
                else:
                    accepted = Snapshot(session, [*snapshot.files, file])
                    queue.learn(accepted)
                    return accepted
        raise too_busy()

    def _check_fits(self, snapshot: Snapshot, file: StoredFile, if_match: IfMatch) -> StoredFile | None:
        """Raise unless the session accepts this file; returns its identical file if it has one."""
        self._check_open(snapshot, if_match)
        identical = find_identical(snapshot.files, file)
        if identical is None:
            check_file_count(snapshot.session, self._config.max_files)
        return identical

    def _check_open(self, snapshot: Snapshot, if_match: IfMatch) -> None:
        if_match.check(snapshot.session.etag)
        check_open(snapshot.session, utc_now(), self._config.idle)

    async def delete(self, key: SessionKey, file_id: str, if_match: IfMatch) -> None:
        """Delete an accepted file from an active session: its row and the stats in one transaction, then its blob.

        Raises:
            GraphError: 404 for the session or the file; 409 when the session is not active; 412.
        """
        for _ in attempts():
            session, file = await asyncio.gather(self._sessions.get(key), self._table.file(key, file_id))
            if file is None:
                raise file_not_found(file_id)
            if_match.check(session.etag)
            check_open(session, utc_now(), self._config.idle)
            changed = with_change(without_entries(session, [file]), utc_now())
            record = self._record(Activity.DELETE_FILE, key, file)
            try:
                await self._table.remove_rows(changed, [file], record)
            except ConcurrentChangeError:
                if not await self._audit.has(record):
                    await pause()
                    continue
            # The file is deleted, whatever happens now: a blob without a row is removed when the session ends.
            with suppress(AzureError):
                await self._blobs.delete(key, [file_id])
            return
        raise too_busy()

    def _record(self, activity: Activity, key: SessionKey, file: StoredFile, **details: int) -> AuditRecord:
        return new_record(
            activity,
            key,
            self._actor,
            Outcome.SUCCESS,
            name=file.name,
            size=file.size,
            sha256=file.sha256,
            fileId=file.id,
            **details,
        )


async def session_files(actor: Actor) -> SessionFiles:
    """The files of the configured storage account's sessions, on behalf of an actor.

    Raises:
        AzureError: storage does not answer; the next call tries again.
    """
    return SessionFiles(await storage(), settings(), actor)
