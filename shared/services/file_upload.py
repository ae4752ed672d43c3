"""Stores an uploaded file: its blob first, then its row and the session's stats in one transaction.

``shared.services.uploads`` receives and validates the file; this module makes it part of a session.
"""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from shared.core.errors import GraphError
from shared.core.ids import new_id, utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import Activity, Actor, AuditRecord, Outcome, file_details, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import check_file_count, check_open, find_identical, with_file
from shared.domain.sessions import Session, SessionKey, StoredFile, refusal_id
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions, Snapshot
from shared.services.upload_queue import queue_of
from shared.storage.account import Storage, storage
from shared.storage.table_calls import ConcurrentChangeError


class Seen(NamedTuple):
    """A state of the session; ``fresh`` if it was read after the file was received.

    Another one may be outdated. A write is conditional on it. An answer without a write, which is an error or that the
    session has the file already, needs a fresh one.
    """

    snapshot: Snapshot
    fresh: bool


class FileUpload:
    """One file on its way into a session: ``writer`` takes its bytes, ``put_blob`` stores them, ``add`` counts them.

    ``opened`` is the session, which is read while the file is received. It fails with a GraphError if the session
    accepts no file: 404; 409 when it is not active; 412.
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
        self.file_id = new_id(utc_now())
        self.opened: asyncio.Future[Session] = asyncio.ensure_future(self._open())
        # It sends nothing before it is clear that the session is active.
        self.writer = store.blobs.writer(key, self.file_id, self.opened)

    async def put_blob(self, file: StoredFile) -> Seen:
        """Write the blob, and see meanwhile which files the session has.

        Raises:
            GraphError: 404 when the session was deleted.
            AzureError: storage failed. A blob that was written nevertheless is removed when the session ends.
        """
        # All of it ends before an error is raised: a blob that is still on its way could not be discarded.
        put, noted, seen = await asyncio.gather(
            self.writer.commit(), self._audit.expect(self._record(file)), self._see(), return_exceptions=True
        )
        for failure in (put, noted):
            if failure is not None:
                raise failure
        if isinstance(seen, BaseException):
            await self.writer.abandon()
            raise seen
        return seen

    async def add(self, file: StoredFile, seen: Seen) -> Snapshot:
        """Add the file, whose blob was put: its row and the session's stats in one transaction.

        The same name with the same bytes changes nothing: the client has lost the first answer.

        Raises:
            GraphError: 404, 409, 400 or 412 when the session does not accept the file.
            AzureError: storage failed. Whether the row was written is unknown, so the blob stays; if no row refers to
                it, it is removed when the session ends.
        """
        try:
            added = await self._add(file, seen)
        except GraphError:
            await self.writer.abandon()
            raise
        return added or await self._sessions.snapshot(self._key)

    async def _add(self, file: StoredFile, seen: Seen) -> Snapshot | None:
        """The session with the file; ``None`` if the file was added by a transaction whose answer was lost."""
        record = self._record(file)
        async with self._queue.lock:
            if self._queue.recent is not None:
                seen = Seen(self._queue.recent, fresh=False)
            for _ in attempts():
                seen, is_there = await self._decide(seen, file)
                if is_there:
                    await self.writer.abandon()
                    return seen.snapshot
                session = seen.snapshot.session
                refused = session.open_refusals and await self._table.refusal(self._key, refusal_id(file.name))
                changed = with_file(session, file, clears_refusal=bool(refused), now=utc_now())
                try:
                    session = await self._table.add_file(changed, file, record, clears_refusal=bool(refused))
                except ConcurrentChangeError:
                    if await self._audit.has(record):
                        return None
                    await pause()
                    seen = await self._look()
                else:
                    added = Snapshot(session, [*seen.snapshot.files, file])
                    self._queue.learn(added)
                    return added
        raise too_busy()

    async def _open(self) -> Session:
        """The session, if it is active: as another upload has just stored it, or read.

        What another upload has stored can let an upload begin, and never refuse one.
        """
        recent = self._queue.recent
        if recent is not None:
            with suppress(GraphError):
                self._check_open(recent.session)
                return recent.session
        session = await self._sessions.get(self._key)
        self._check_open(session)
        return session

    async def _see(self) -> Seen:
        """The session and its files, without a call if another upload has just stored them or there are none."""
        recent, opened = self._queue.recent, await self.opened
        if recent is not None:
            return Seen(recent, fresh=False)
        if not opened.files_uploaded:
            return Seen(Snapshot(opened, []), fresh=False)
        return await self._look()

    async def _look(self) -> Seen:
        return Seen(await self._sessions.snapshot(self._key), fresh=True)

    async def _decide(self, seen: Seen, file: StoredFile) -> tuple[Seen, bool]:
        """The state to act on, and whether the session has this file already.

        Raises:
            GraphError: the session does not accept the file.
        """
        if not seen.fresh:
            with suppress(GraphError):
                if not self._has(seen.snapshot, file):
                    return seen, False
            seen = await self._look()
        return seen, self._has(seen.snapshot, file)

    def _has(self, snapshot: Snapshot, file: StoredFile) -> bool:
        """Whether the session has this file; raises if it does not accept it."""
        self._check_open(snapshot.session)
        if find_identical(snapshot.files, file) is not None:
            return True
        check_file_count(snapshot.session, self._config.max_files)
        return False

    def _check_open(self, session: Session) -> None:
        self._if_match.check(session.etag)
        check_open(session, utc_now(), self._config.idle)

    def _record(self, file: StoredFile) -> AuditRecord:
        details = file_details(file) | {"rows": file.rows}
        return new_record(Activity.UPLOAD_FILE, self._key, self._actor, Outcome.SUCCESS, **details)


async def begin_upload(actor: Actor, key: SessionKey, if_match: IfMatch) -> FileUpload:
    """Begin an upload into a session, on behalf of an actor. Its blob and rows go to the configured storage account.

    Raises:
        AzureError: storage does not answer; the next call tries again.
    """
    return FileUpload(await storage(), settings(), actor, key, if_match)
