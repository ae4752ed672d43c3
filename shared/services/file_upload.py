"""Stores an uploaded file: its blob first, then its row and the session's stats in one transaction.

``shared.services.uploads`` receives and validates the file; this module makes it part of a session.
"""

import asyncio
import time

from shared.core.errors import GraphError
from shared.core.ids import new_id, utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import Activity, Actor, AuditRecord, Outcome, file_details, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import check_file_count, check_open, find_identical, with_file
from shared.domain.sessions import Session, SessionKey, Snapshot, StoredFile, refusal_id
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions
from shared.services.together import together
from shared.services.upload_queue import queue_of
from shared.storage.account import Storage, storage
from shared.storage.table_calls import ConcurrentChangeError


class FileUpload:
    """One file on its way into a session: ``writer`` takes its bytes, ``put_blob`` stores them, ``add`` counts them.

    ``session`` is read while the file is received. It fails with a GraphError if the session accepts no file (404; 409
    when it is not active; 412), and with an AzureError.
    """

    def __init__(self, store: Storage, config: Settings, actor: Actor, key: SessionKey, if_match: IfMatch) -> None:
        self._sessions = Sessions(store, config, actor)
        self._table = store.table
        self._audit = store.audit
        self._config = config
        self._actor = actor
        self._key = key
        self._if_match = if_match
        # Kept from here on, so that uploads that begin meanwhile learn what this one stores.
        self._queue = queue_of(key)
        self._began = time.monotonic()
        self.file_id = new_id(utc_now())
        self.session: asyncio.Future[Session] = asyncio.ensure_future(self._read())
        # After a cancellation nobody waits for it, and asyncio would log its error as one that nobody has seen.
        self.session.add_done_callback(lambda read: read.cancelled() or read.exception())
        # It stages nothing before it is clear that the session is active.
        self.writer = store.blobs.writer(key, self.file_id, self.session)

    async def put_blob(self, file: StoredFile) -> Snapshot:
        """Write the blob; gives the session with its files, which are read meanwhile.

        Raises:
            GraphError: as ``session``; 503.
            AzureError: storage failed.
        """
        await self.session
        _, _, known = await together(self.writer.commit(), self._audit.expect(self._record(file)), self._with_files())
        return known

    async def add(self, file: StoredFile, known: Snapshot) -> Snapshot:
        """Add the file, whose blob was put: its row and the session's stats in one transaction.

        The same name with the same bytes changes nothing: the client has lost the first answer.

        Args:
            file: the file.
            known: what ``put_blob`` has found. It may be outdated.

        Raises:
            GraphError: 404, 409, 400 or 412 when the session does not accept the file; 503.
            AzureError: storage failed. Whether the row was written is unknown, so the blob stays; if no row refers to
                it, it is removed when the session ends.
        """
        try:
            snapshot = await self._add(file, known)
        except GraphError:
            await self.writer.abandon()
            raise
        if snapshot is None:
            # The row was written: whatever comes of this read, the blob stays.
            return await self._sessions.snapshot(self._key)
        if all(stored.id != file.id for stored in snapshot.files):
            await self.writer.abandon()
        return snapshot

    async def _add(self, file: StoredFile, known: Snapshot) -> Snapshot | None:
        """The session with the file, or with an identical one.

        What ``known`` or the queue says may be outdated. A write is conditional on it. An answer without a write,
        which is an error or that the session has the file already, needs a fresh read.

        Returns:
            ``None`` if the file was added by a transaction whose answer was lost.
        """
        record = self._record(file)
        async with self._queue.lock:
            snapshot, fresh = self._queue.learned_since(self._began) or known, False
            for _ in attempts():
                if not fresh and not self._seems_to_fit(snapshot, file):
                    snapshot, fresh = await self._sessions.snapshot(self._key), True
                if fresh and self._find_identical(snapshot, file) is not None:
                    return snapshot
                session = snapshot.session
                refused = session.open_refusals and await self._table.refusal(self._key, refusal_id(file.name))
                changed = with_file(session, file, clears_refusal=bool(refused), now=utc_now())
                try:
                    session = await self._table.add_file(changed, file, record, clears_refusal=bool(refused))
                except ConcurrentChangeError:
                    if await self._audit.has(record):
                        return None
                    await pause()
                    snapshot, fresh = await self._sessions.snapshot(self._key), True
                else:
                    added = Snapshot(session, [*snapshot.files, file])
                    self._queue.learn(added)
                    return added
        raise too_busy()

    async def _read(self) -> Session:
        session = await self._sessions.get(self._key)
        self._check_open(session)
        return session

    async def _with_files(self) -> Snapshot:
        """The session and its files, which are read unless they are known or there are none."""
        session = await self.session
        newer = self._queue.learned_since(self._began)
        if newer is not None:
            return newer
        files = await self._table.files(self._key) if session.files_uploaded else []
        if len(files) == session.files_uploaded:
            return Snapshot(session, files)
        return await self._sessions.snapshot(self._key)

    def _seems_to_fit(self, snapshot: Snapshot, file: StoredFile) -> bool:
        """Whether the file can be added to the session, as far as the snapshot tells."""
        try:
            return self._find_identical(snapshot, file) is None
        except GraphError:
            return False

    def _find_identical(self, snapshot: Snapshot, file: StoredFile) -> StoredFile | None:
        """Raise unless the session accepts this file; returns its identical file if it has one."""
        self._check_open(snapshot.session)
        identical = find_identical(snapshot.files, file)
        if identical is None:
            check_file_count(snapshot.session, self._config.max_files)
        return identical

    def _check_open(self, session: Session) -> None:
        self._if_match.check(session.etag)
        check_open(session, utc_now(), self._config.idle)

    def _record(self, file: StoredFile) -> AuditRecord:
        details = file_details(file) | {"rows": file.rows}
        return new_record(Activity.UPLOAD_FILE, self._key, self._actor, Outcome.SUCCESS, **details)


def begin_upload(actor: Actor, key: SessionKey, if_match: IfMatch) -> FileUpload:
    """Begin an upload into a session, on behalf of an actor. Its blob and rows go to the configured storage account."""
    return FileUpload(storage(), settings(), actor, key, if_match)
