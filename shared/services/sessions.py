"""The operations on upload sessions: each applies the rules of ``shared.domain.lifecycle`` and stores the result.

Every change is one conditional write. An operation that loses a race reads again and decides on the new state. A write
whose answer was lost is recognized by its audit record. Each operation can therefore be repeated at any point.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from azure.core.exceptions import ResourceNotFoundError

from shared.core.errors import REFERENCE_TAKEN, GraphError
from shared.core.ids import new_id, utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import SERVICE, Activity, Actor, AuditRecord, Outcome, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import (
    check_deletable,
    file_not_found,
    holds_reference,
    new_session,
    session_not_found,
    warning_time,
)
from shared.domain.sessions import ResourceKey, Review, Session, SessionKey, Snapshot, Status, StoredFile
from shared.services.outbox import Outbox
from shared.services.removal import end, purge
from shared.services.retries import attempts, pause, too_busy
from shared.storage.account import Storage, storage
from shared.storage.table_calls import ConcurrentChangeError
from shared.storage.time_index import DueSession
from shared.telemetry.instruments import count_expired

# Range queries of one request at the same time.
_QUERIES_AT_ONCE = 8


class Sessions:
    """The upload sessions of a storage account, read and changed on behalf of an actor."""

    def __init__(self, store: Storage, config: Settings, actor: Actor) -> None:
        self._table = store.table
        self._expiry = store.expiry
        self._blobs = store.blobs
        self._audit = store.audit
        self._quotas = store.quotas
        self._outbox = Outbox(store, config)
        self._config = config
        self._actor = actor

    # Reading

    async def get(self, key: SessionKey) -> Session:
        """One session, by a point read.

        Raises:
            GraphError: 404.
        """
        session = await self._table.session(key)
        if session is None or session.status is Status.DELETED:
            raise session_not_found(key)
        return session

    async def without_files(self, key: SessionKey) -> Snapshot:
        """A session whose files are not read.

        Raises:
            GraphError: 404.
        """
        return Snapshot(await self.get(key), [])

    async def snapshot(self, key: SessionKey) -> Snapshot:
        """A session and its files, consistent with each other.

        Raises:
            GraphError: 404.
        """
        for _ in attempts():
            session, files = await asyncio.gather(self.get(key), self._table.files(key))
            # A file's row and the session's count change together: if they agree, both reads saw the same state.
            if len(files) == session.files_uploaded:
                return Snapshot(session, files)
        raise too_busy()

    async def of_resource(self, resource: ResourceKey, *, after: str | None, page_size: int) -> AsyncIterator[Session]:
        """A resource's sessions in order of creation, starting after the id ``after``: one range scan."""
        async for session in self._table.sessions(resource, after=after, page_size=page_size):
            if session.status is not Status.DELETED:
                yield session

    async def files_between(
        self, resource: ResourceKey, ranges: Sequence[tuple[str, str]]
    ) -> dict[str, list[StoredFile]]:
        """The files of a resource's sessions in ranges of session ids (first and last), by session id."""
        limit = asyncio.Semaphore(_QUERIES_AT_ONCE)

        async def query(first: str, last: str) -> dict[str, list[StoredFile]]:
            async with limit:
                return await self._table.files_between(resource, first, last)

        found = await asyncio.gather(*(query(first, last) for first, last in ranges))
        return {session_id: files for part in found for session_id, files in part.items()}

    async def file(self, key: SessionKey, file_id: str) -> StoredFile:
        """One file of a session.

        Raises:
            GraphError: 404 for the session or the file.
        """
        _, file = await asyncio.gather(self.get(key), self._table.file(key, file_id))
        if file is None:
            raise file_not_found(file_id)
        return file

    async def read(self, key: SessionKey, file: StoredFile) -> AsyncIterator[bytes]:
        """A file's bytes as they were uploaded, in chunks.

        Raises:
            GraphError: 404 when it has been deleted since its row was read.
        """
        try:
            return await self._blobs.read(key, file.id)
        except ResourceNotFoundError:
            # A row is never without its blob, so that a missing blob means that the file was deleted meanwhile.
            raise file_not_found(file.id) from None

    # Changing

    async def create(self, resource: ResourceKey, review: Review) -> Session:
        """Create a session: its index rows and the check of the limits at the same time, then one transaction.

        Raises:
            GraphError: 409 when a session that is active or complete holds the reference; 400 or 429 when the resource
                or the caller has too many.
        """
        now = utc_now()
        session = new_session(SessionKey(resource, new_id(now)), review, now)
        record = self._record(Activity.CREATE_SESSION, session.key, reviewInstanceId=review.instance_id)
        await self._prepare(session, record)
        for _ in attempts():
            try:
                return await self._table.insert_session(session, record)
            except ConcurrentChangeError:
                holder = await self._holder(resource, review.instance_id)
            # A session that is stored as expired or deleted has released its reference, perhaps to another one already.
            if holder is None or holder.status in (Status.EXPIRED, Status.DELETED):
                await pause()
            elif holder.key == session.key:
                return holder
            elif holds_reference(holder, utc_now(), self._config.idle):
                await self._abandon(session)
                raise _reference_taken(holder)
            else:
                expired = new_record(Activity.EXPIRE_SESSION, holder.key, SERVICE)
                outgoing = self._outbox.expired(holder)
                await self._outbox.expect(holder.key, outgoing)
                try:
                    created = await self._table.take_over_reference(
                        session, holder._replace(status=Status.EXPIRED), record, expired, *outgoing
                    )
                except ConcurrentChangeError:
                    await pause()
                else:
                    count_expired(holder.files_uploaded)
                    await self._outbox.wake(holder.key, outgoing)
                    return created
        raise too_busy()

    async def delete(self, key: SessionKey, if_match: IfMatch) -> None:
        """Delete a session: first one transaction hides it and releases its reference, then its files are removed.

        Raises:
            GraphError: 404; 409 when it is complete; 412.
        """
        gone = False
        record = self._record(Activity.DELETE_SESSION, key)
        for _ in attempts():
            session = await self._table.session(key)
            if session is None:
                if gone:
                    return
                raise session_not_found(key)
            try:
                if session.status is not Status.DELETED:
                    if_match.check(session.etag)
                    check_deletable(session)
                    await self._schedule_removal(key)
                    session = await end(self._table, session, Status.DELETED, record)
                gone = True
                await purge(self._table, self._blobs, session)
            except ConcurrentChangeError:
                gone = gone or await self._audit.has(record)
                await pause()
            else:
                return
        raise too_busy()

    async def _prepare(self, session: Session, record: AuditRecord) -> None:
        """Write the index rows of a session that is about to be created, and check the limits meanwhile.

        The index rows come before the session: in the other order, a crash would leave one that the timer never finds.

        Raises:
            GraphError: as ``create``.
        """
        caller_id, key = self._actor.object_id, session.key
        within, *written = await asyncio.gather(
            self._quotas.check(key, caller_id),
            self._expiry.put(self._index_row(session)),
            self._audit.expect(record),
            self._quotas.note(caller_id, key),
            return_exceptions=True,
        )
        for failure in written:
            if failure is not None:
                raise failure
        if within is None:
            return
        await self._abandon(session)
        if isinstance(within, GraphError):
            # A client that lost the answer of its last create repeats it, and gets its session even at a limit.
            holder = await self._holder(key.resource, session.review.instance_id)
            if holder is not None and holds_reference(holder, utc_now(), self._config.idle):
                raise _reference_taken(holder)
        raise within

    async def _abandon(self, session: Session) -> None:
        """Remove the index rows of a session that is not created after all."""
        await asyncio.gather(
            self._expiry.remove(self._index_row(session)),
            self._quotas.forget(self._actor.object_id, session.key.session_id),
        )

    def _index_row(self, session: Session) -> DueSession:
        return DueSession(warning_time(session, self._config.idle), session.key)

    async def _schedule_removal(self, key: SessionKey) -> None:
        """Have the timer continue the deletion if this process dies, and sweep again after the longest upload.

        An upload that is running now may still leave blobs behind; the second index row is for these.
        """
        now = utc_now()
        await asyncio.gather(
            self._expiry.put(DueSession(now, key)),
            self._expiry.put(DueSession(now + self._config.max_upload, key)),
        )

    async def _holder(self, resource: ResourceKey, reference_id: str) -> Session | None:
        holder_id = await self._table.reference_holder(resource, reference_id)
        return None if holder_id is None else await self._table.session(SessionKey(resource, holder_id))

    def _record(self, activity: Activity, key: SessionKey, **details: str | int) -> AuditRecord:
        return new_record(activity, key, self._actor, Outcome.SUCCESS, **details)


def _reference_taken(holder: Session) -> GraphError:
    return GraphError(
        REFERENCE_TAKEN,
        f"This resource already has an upload session for this review instance: '{holder.key.session_id}', "
        f"which is {holder.status.value}. Use that session.",
        target="referenceId",
        extra={"uploadSessionId": holder.key.session_id},
    )


def sessions(actor: Actor) -> Sessions:
    """The upload sessions of the configured storage account, on behalf of an actor."""
    return Sessions(storage(), settings(), actor)
