"""What can be done with upload sessions: each rule of ``shared.lifecycle``, made lasting in storage.

Every change is one conditional write. Whoever loses a race reads again and gets the answer that fits the new state; a
write whose answer was lost is recognised as one's own. So each operation can be repeated at any point.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from shared.audit import SERVICE, Activity, Actor, AuditRecord, Outcome, new_record
from shared.blobs import BlobWriter
from shared.errors import FILE_NOT_FOUND, REFERENCE_TAKEN, STORAGE_UNAVAILABLE, GraphError
from shared.etags import IfMatch
from shared.ids import new_id, utc_now
from shared.lifecycle import (
    Refusal,
    ResourceKey,
    Review,
    Session,
    SessionKey,
    Status,
    StoredFile,
    check_deletable,
    check_open,
    check_room,
    completed,
    find_twin,
    holds_reference,
    new_session,
    session_not_found,
    with_file,
    with_refusal,
    without_refusal,
)
from shared.models import manifest
from shared.removal import end, purge
from shared.settings import Settings, settings
from shared.storage import Storage, storage
from shared.table_calls import ConcurrentChangeError
from shared.tables import ExpiryEntry

# Twenty clients that upload into one session at once make nineteen of them lose a round, eighteen the next, and so on.
_MAX_ATTEMPTS = 60
_MAX_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session and its files as they were at one moment."""

    session: Session
    files: Sequence[StoredFile]


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


class Sessions:
    """The upload sessions of an account, as somebody reads and changes them."""

    def __init__(self, store: Storage, config: Settings, actor: Actor) -> None:
        self._table = store.table
        self._blobs = store.blobs
        self._audit = store.audit
        self._quotas = store.quotas
        self._config = config
        self._actor = actor

    # Reading

    async def get(self, key: SessionKey) -> Session:
        """One session: one point read.

        Raises:
            GraphError: 404.
        """
        session = await self._table.session(key)
        if session is None or session.status is Status.DELETED:
            raise session_not_found(key)
        return session

    async def snapshot(self, key: SessionKey) -> Snapshot:
        """A session and its files, read at the same time.

        Raises:
            GraphError: 404.
        """
        for _ in range(_MAX_ATTEMPTS):
            session, files = await asyncio.gather(self.get(key), self._table.files(key))
            # A file's row and the session's count change together: if they agree, nothing came in between.
            if len(files) == session.files_uploaded:
                return Snapshot(session, files)
        raise _too_busy()

    async def of_resource(self, resource: ResourceKey, *, after: str | None, page_size: int) -> AsyncIterator[Session]:
        """A resource's sessions in order of creation, beginning behind the id ``after``: one range scan."""
        async for session in self._table.sessions(resource, after=after, page_size=page_size):
            if session.status is not Status.DELETED:
                yield session

    async def files_of(self, sessions: Sequence[Session]) -> dict[str, list[StoredFile]]:
        """The files of several sessions of one resource, by session id: one range scan."""
        if not sessions:
            return {}
        ids = [session.key.session_id for session in sessions]
        return await self._table.files_between(sessions[0].key.resource, min(ids), max(ids))

    async def file(self, key: SessionKey, file_id: str) -> StoredFile:
        """One file of a session.

        Raises:
            GraphError: 404 for the session or the file.
        """
        _, file = await asyncio.gather(self.get(key), self._table.file(key, file_id))
        if file is None:
            raise GraphError(
                FILE_NOT_FOUND,
                f"This upload session has no file '{file_id}'. Read the session's 'files' to see which there are.",
            )
        return file

    async def read(self, key: SessionKey, file: StoredFile) -> AsyncIterator[bytes]:
        """A file's bytes as they were uploaded, piece by piece."""
        return await self._blobs.read(key, file.id)

    # Changing

    async def create(self, resource: ResourceKey, review: Review) -> Session:
        """Create a session: one index row, then one transaction.

        Raises:
            GraphError: 409 when a session that is active or complete holds the reference; 400 or 429 when the resource
                or the caller has too many.
        """
        caller_id = self._actor.object_id
        await self._quotas.check(resource, caller_id)
        now = utc_now()
        session = new_session(SessionKey(resource, new_id(now)), review, now)
        entry = ExpiryEntry(now + self._config.idle, session.key)
        # First the index, then what it points to: the other way round, a crash would leave a session that no timer
        # ever finds.
        record = self._record(Activity.CREATE_SESSION, session.key, reviewInstanceId=review.instance_id)
        await asyncio.gather(
            self._table.put_expiry(entry), self._audit.expect(record), self._quotas.note(caller_id, session.key)
        )
        for _ in _attempts():
            try:
                return await self._table.insert_session(session, record)
            except ConcurrentChangeError:
                holder = await self._holder(resource, review.instance_id)
            # A session that is stored as over has given its reference back, perhaps to the next one already.
            if holder is None or holder.status in (Status.EXPIRED, Status.DELETED):
                await _pause()
            elif holder.key == session.key:
                return holder
            elif holds_reference(holder, utc_now(), self._config.idle):
                await asyncio.gather(
                    self._table.delete_expiry(entry), self._quotas.forget(caller_id, session.key.session_id)
                )
                raise GraphError(
                    REFERENCE_TAKEN,
                    f"This resource already has an upload session for this review instance: '{holder.key.session_id}', "
                    f"which is {holder.status.value}. Use that one.",
                    target="referenceId",
                    extra={"uploadSessionId": holder.key.session_id},
                )
            else:
                expired = new_record(Activity.EXPIRE_SESSION, holder.key, SERVICE)
                try:
                    return await self._table.take_over_reference(
                        session, replace(holder, status=Status.EXPIRED), record, expired
                    )
                except ConcurrentChangeError:
                    await _pause()
        raise _too_busy()

    async def complete(self, key: SessionKey, if_match: IfMatch, *, allow_incomplete: bool) -> Snapshot:
        """Mark a session as done, and write its manifest. On a complete session it changes nothing.

        Raises:
            GraphError: 404; 409 when it has expired or is incomplete; 412.
        """
        for _ in _attempts():
            snapshot = await self.snapshot(key)
            session = snapshot.session
            if_match.check(session.etag)
            if session.status is not Status.COMPLETE:
                check_open(session, utc_now(), self._config.idle)
                refusals = await self._refusals(session)
                after = completed(session, refusals, allow_incomplete=allow_incomplete, now=utc_now())
                record = self._record(
                    Activity.COMPLETE_SESSION, key, files=session.files_uploaded, bytes=session.total_bytes
                )
                try:
                    session = await self._table.update_session(after, record)
                except ConcurrentChangeError:
                    await _pause()
                    continue
            # Nothing changes in a complete session, so that its manifest is the same whoever writes it: a client that
            # repeats its request, or the timer, makes good a crash right here.
            await self._blobs.put_manifest(key, manifest(session, snapshot.files))
            return Snapshot(session, snapshot.files)
        raise _too_busy()

    async def begin_upload(self, key: SessionKey, if_match: IfMatch) -> Snapshot:
        """The session that an upload goes into, if it takes one now.

        Raises:
            GraphError: 404; 409 when it is not active; 400 when it is full; 412.
        """
        snapshot = await self.snapshot(key)
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
            for _ in _attempts():
                session, files = snapshot.session, snapshot.files
                if any(stored.id == file.id for stored in files):
                    return snapshot
                try:
                    twin = self._check_fits(snapshot, file, if_match)
                except GraphError:
                    # Much may have changed while the body came in: a refusal must be about how things are now.
                    if fresh:
                        raise
                    snapshot, fresh = await self.snapshot(key), True
                    continue
                refused_before = await self._was_refused(session, file.name)
                try:
                    if twin is not None:
                        await writer.discard()
                        if refused_before:
                            changed = without_refusal(session, utc_now())
                            record = self._upload_record(key, twin.name, twin.size, twin.sha256, fileId=twin.id)
                            session = await self._table.clear_refusal(changed, file.name, record)
                        return Snapshot(session, files)
                    if not committed:
                        await writer.commit()
                        committed = True
                    changed = with_file(session, file, clears_refusal=refused_before, now=utc_now())
                    record = self._upload_record(key, file.name, file.size, file.sha256, fileId=file.id, rows=file.rows)
                    session = await self._table.add_file(changed, file, record, clears_refusal=refused_before)
                    turn.latest = Snapshot(session, [*files, file])
                    return turn.latest
                except ConcurrentChangeError:
                    await _pause()
                    snapshot, fresh = await self.snapshot(key), True
        raise _too_busy()

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
        record = self._upload_record(
            key, refusal.name, size, sha256, outcome=Outcome.REFUSED, findings=refusal.findings
        )
        session = await self.get(key)
        for _ in _attempts():
            if_match.check(session.etag)
            check_open(session, utc_now(), self._config.idle)
            known = await self._was_refused(session, refusal.name)
            try:
                changed = with_refusal(session, known=known, now=utc_now())
                await self._table.add_refusal(changed, refusal, record)
            except ConcurrentChangeError:
                if await self._audit.has(record):
                    return
                await _pause()
                session = await self.get(key)
            else:
                return
        raise _too_busy()

    async def delete(self, key: SessionKey, if_match: IfMatch) -> None:
        """Delete a session: from one transaction on it is gone for everybody; then its files go.

        Raises:
            GraphError: 404; 409 when it is complete; 412.
        """
        gone = False
        for _ in _attempts():
            session = await self._table.session(key)
            if session is None:
                if gone:
                    return
                raise session_not_found(key)
            try:
                if session.status is not Status.DELETED:
                    if_match.check(session.etag)
                    check_deletable(session)
                    await self._put_delete_on_the_timers_list(key)
                    session = await end(self._table, session, Status.DELETED, self._actor)
                gone = True
                await purge(self._table, self._blobs, session)
            except ConcurrentChangeError:
                await _pause()
            else:
                return
        raise _too_busy()

    async def _put_delete_on_the_timers_list(self, key: SessionKey) -> None:
        """If this process dies in the middle of a deletion, the next tick goes on.

        And once no upload that was under way can still be running, what such a one may have left goes too.
        """
        now = utc_now()
        await asyncio.gather(
            self._table.put_expiry(ExpiryEntry(now, key)),
            self._table.put_expiry(ExpiryEntry(now + self._config.max_upload, key)),
        )

    async def _holder(self, resource: ResourceKey, reference_id: str) -> Session | None:
        holder_id = await self._table.reference_holder(resource, reference_id)
        return None if holder_id is None else await self._table.session(SessionKey(resource, holder_id))

    def _record(self, activity: Activity, key: SessionKey, **details: str | int) -> AuditRecord:
        return new_record(activity, key, self._actor, Outcome.SUCCESS, **details)

    def _upload_record(
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

    async def _refusals(self, session: Session) -> Sequence[Refusal]:
        return await self._table.refusals(session.key) if session.open_refusals else ()

    async def _was_refused(self, session: Session, name: str) -> bool:
        return any(refusal.name == name for refusal in await self._refusals(session))


async def sessions(actor: Actor) -> Sessions:
    """The upload sessions of the account that the settings name, as somebody reads and changes them.

    Raises:
        AzureError: storage does not answer; the next call tries again.
    """
    return Sessions(await storage(), settings(), actor)


def _attempts() -> range:
    return range(_MAX_ATTEMPTS)


async def _pause() -> None:
    """Let others go first: without chance in it, racers would meet again and again."""
    await asyncio.sleep(random.uniform(0, _MAX_PAUSE_SECONDS))  # noqa: S311  # no secret


def _too_busy() -> GraphError:
    return GraphError(
        STORAGE_UNAVAILABLE,
        "Too many requests change this upload session at the same time. Try again shortly.",
        headers={"Retry-After": "1"},
    )
