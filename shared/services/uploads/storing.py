"""Stores an uploaded file: its blob first, then its row and the session's stats in one transaction.

``shared.services.uploads.receiving`` receives and validates the file; this module makes it part of a session.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from shared.access_data.findings import Finding
from shared.core.errors import GraphError
from shared.core.ids import new_id, utc_now
from shared.domain.audit import Activity, AuditRecord, Outcome, file_details, new_record
from shared.domain.etags import Conditions
from shared.domain.lifecycle import check_file_count, check_open, find_identical, with_file
from shared.domain.resources import Application
from shared.domain.sessions import Session, SessionKey, Snapshot, StoredFile, UsedDirectory, refusal_id
from shared.services.changes import change, gather_all
from shared.services.context import Context
from shared.services.sessions.reading import get_session, get_snapshot, snapshot_of
from shared.services.uploads.comparing import alike
from shared.services.uploads.steps import steps_for
from shared.services.uploads.writing import FileWriter
from shared.storage.azure.blob_writer import BlocksDiscardedError
from shared.storage.azure.blobs import READ_BYTES

if TYPE_CHECKING:
    from shared.access_data.people.matching import Matcher
    from shared.access_data.steps.making import Steps


class UploadQueue:
    """What uploads into one session share in this process: each adds its file in turn, and tells the next its result.

    Correctness does not depend on it: every write is conditional, and other processes have queues of their own. It
    saves what a lost race costs.
    """

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._latest: Snapshot | None = None
        self._learned_at = 0.0

    def learn(self, snapshot: Snapshot) -> None:
        """Remember the state that an upload has stored."""
        self._latest, self._learned_at = snapshot, time.monotonic()

    def learned_since(self, moment: float) -> Snapshot | None:
        """The newest state, if it was stored since a moment of the monotonic clock."""
        return self._latest if self._learned_at > moment else None


_queues: WeakValueDictionary[SessionKey, UploadQueue] = WeakValueDictionary()


def queue_of(key: SessionKey) -> UploadQueue:
    """The queue of a session. It exists while an upload is in it."""
    return _queues.setdefault(key, UploadQueue())


def _seen(read: asyncio.Future[Any]) -> None:
    """After a cancellation nobody waits for a read, and asyncio would log its error as one that nobody has seen."""
    if not read.cancelled():
        read.exception()


class FileUpload:
    """One file on its way into a session. Call in this order: ``writer.write``, ``put_blob``, ``add``.

    ``session`` and ``application`` (what is known of the resource) are read while the file is received. They fail with
    an AzureError, and the first with a GraphError if the session accepts no file (404; 409 when it is not active; 412).
    After ``steps``, ``matcher`` is what matches its accounts, if that is declared. After ``add``, ``warnings`` are
    about its other files.
    """

    def __init__(self, context: Context, key: SessionKey, conditions: Conditions) -> None:
        self._context = context
        self._stored = context.storage.sessions
        self._key = key
        self._conditions = conditions
        # Kept from here on, so that uploads that begin meanwhile learn what this one stores.
        self._queue = queue_of(key)
        self._began = time.monotonic()
        self.file_id = new_id(utc_now())
        self.warnings: Sequence[Finding] = ()
        self.matcher: Matcher | None = None
        self._steps: Steps | None = None
        self.session: asyncio.Future[Session] = asyncio.ensure_future(self._read())
        self.session.add_done_callback(_seen)
        self.application: asyncio.Future[Application] = asyncio.ensure_future(
            context.storage.descriptions.application(key.resource)
        )
        self.application.add_done_callback(_seen)
        # It stages nothing before it is clear that the session is active.
        self.writer = FileWriter(context.storage.blobs, key, self.file_id, self.session)

    async def steps(self) -> "Steps":
        """What may be done with the file, if it is not in Graph's form: the same whenever it is asked for.

        Raises:
            GraphError, AzureError: as ``steps_for``.
        """
        # Imported here because it imports NumPy, which takes 40 ms, and only uploads need it.
        from shared.access_data.steps.making import Writes  # noqa: PLC0415

        if self._steps is None:
            application = await self.application
            steps, self.matcher = await steps_for(self._context, self._key.resource, application.declaration)
            self._steps = steps._replace(writes=Writes.IF_NEEDED)
        return self._steps

    @property
    def directory(self) -> UsedDirectory | None:
        """The directory that the accounts of the file were matched with; ``None`` if there was none."""
        snapshot = self.matcher.snapshot if self.matcher is not None else None
        return None if snapshot is None else UsedDirectory(snapshot.sha256, snapshot.uploaded)

    async def read(self, size: int) -> AsyncIterator[bytes]:
        """The file as it was put, in blocks.

        Raises:
            AzureError: storage failed.
        """
        blobs = self._context.storage.blobs
        return await blobs.read(self._key, self.file_id, first=0, length=size, block_bytes=READ_BYTES)

    async def put_blob(self, file: StoredFile) -> Snapshot:
        """Write the blobs; gives the session with its files, which are read meanwhile.

        Raises:
            GraphError: as ``session``; 503.
            AzureError: storage failed.
        """
        await self.session
        noted = self._context.storage.audit.expect(self._record(file))
        try:
            _, _, known = await gather_all(self.writer.commit(), noted, self._with_files())
        except BlocksDiscardedError:
            # By a DELETE or the timer: what became of the session takes precedence.
            await self._read()
            raise
        return known

    async def add(self, file: StoredFile, known: Snapshot) -> Snapshot:
        """Add the file, whose blobs were put: its row and the session's stats in one transaction.

        The same name with the same bytes changes nothing: the client has lost the first answer.

        Args:
            file: the file, with the number of its warnings that are not about other files.
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
            return await get_snapshot(self._context, self._key)
        if all(stored.id != file.id for stored in snapshot.files):
            await self.writer.abandon()
        return snapshot

    async def _add(self, file: StoredFile, known: Snapshot) -> Snapshot | None:
        """The session with the file, or with an identical one; ``None`` if it was added and the answer was lost.

        What ``known`` or the queue says may be outdated. A write is conditional on it. An answer without a write,
        which is an error or that the session has the file already, needs a fresh read.
        """
        record = self._record(file)
        assumed: Snapshot | None = None

        async def attempt() -> Snapshot:
            nonlocal assumed
            # Only the first attempt may be wrong about the session.
            snapshot, assumed = assumed, None
            if snapshot is None or not self._seems_to_fit(snapshot, file):
                snapshot = await get_snapshot(self._context, self._key)
                if self._find_identical(snapshot, file) is not None:
                    self.warnings = alike(snapshot.files, file)
                    return snapshot
            self.warnings = alike(snapshot.files, file)
            added_file = file._replace(warnings=file.warnings + len(self.warnings))
            session = snapshot.session
            refused = session.open_refusals and await self._stored.refusal(self._key, refusal_id(file.name))
            changed = with_file(session, added_file, clears_refusal=bool(refused), now=utc_now())
            session = await self._stored.add_file(changed, added_file, record, clears_refusal=bool(refused))
            added = Snapshot(session, [*snapshot.files, added_file])
            self._queue.learn(added)
            return added

        async with self._queue.lock:
            assumed = self._queue.learned_since(self._began) or known
            return await change(self._context, attempt)

    async def _read(self) -> Session:
        session = await get_session(self._context, self._key)
        self._check_open(session)
        return session

    async def _with_files(self) -> Snapshot:
        """The session and its files, which are read unless they are known or there are none."""
        session = await self.session
        newer = self._queue.learned_since(self._began)
        if newer is not None:
            return newer
        files = await self._stored.files(self._key) if session.files_uploaded else []
        return await snapshot_of(self._context, session, files)

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
            check_file_count(snapshot.session, self._context.settings.max_files)
        return identical

    def _check_open(self, session: Session) -> None:
        self._conditions.check(session.etag)
        check_open(session, utc_now(), self._context.settings.idle)

    def _record(self, file: StoredFile) -> AuditRecord:
        details = file_details(file) | {"rows": file.rows}
        return new_record(Activity.UPLOAD_FILE, self._key, self._context.actor, Outcome.SUCCESS, **details)
