"""Ends sessions and deletes what they hold. Each step can be repeated after a crash."""

import asyncio

from shared.core.ids import utc_now
from shared.domain.audit import Activity, AuditRecord, new_record
from shared.domain.etags import Conditions
from shared.domain.lifecycle import check_deletable, session_not_found, without_entries
from shared.domain.sessions import Refusal, Session, SessionKey, Status, StoredFile
from shared.services.changes import change
from shared.services.context import Context
from shared.storage.audit_log import ConcurrentChangeError
from shared.storage.azure.table import MAX_TRANSACTION, Operation
from shared.storage.indexes.due_sessions import DueSession


async def delete_session(context: Context, key: SessionKey, conditions: Conditions) -> None:
    """Delete a session: first one transaction hides it and releases its reference, then its files are removed.

    Raises:
        GraphError: 404; 409 when it is complete; 412.
    """
    stored = context.storage.sessions
    record = new_record(Activity.DELETE_SESSION, key, context.actor)
    hidden: Session | None = None

    async def hide() -> Session:
        session = await stored.session(key)
        if session is None:
            raise session_not_found(key)
        if session.status is Status.DELETED:
            return session
        conditions.check(session.etag)
        check_deletable(session)
        await _schedule_removal(context, key)
        return await end(context, session, Status.DELETED, record)

    async def remove() -> None:
        nonlocal hidden
        # Another attempt reads it again. It is gone when another request, or the timer, was faster.
        session, hidden = hidden or await stored.session(key), None
        if session is not None:
            await purge(context, session)

    hidden = await change(context, hide)
    await change(context, remove)


async def _schedule_removal(context: Context, key: SessionKey) -> None:
    """Have the timer continue the deletion if this process dies, and sweep again after the longest upload.

    An upload that is running now may still leave blobs behind; the second index row is for these.
    """
    now, index = utc_now(), context.storage.due_expiries
    await asyncio.gather(index.put(DueSession(now, key)), index.put(DueSession(now + context.settings.max_upload, key)))


async def end(context: Context, session: Session, status: Status, record: AuditRecord, *also: Operation) -> Session:
    """Store that a session is expired or deleted, and free its reference if it is stored as active.

    ``also`` is stored in the same transaction.

    Raises:
        ConcurrentChangeError: the session changed since it was read.
    """
    ended, stored = session._replace(status=status), context.storage.sessions
    if session.status is Status.ACTIVE:
        try:
            return await stored.release_reference(ended, record, *also)
        except ConcurrentChangeError:
            reference = await stored.reference(session.key.resource, session.review.instance_id)
            if reference is not None and reference.holder == session.key:
                raise
        # It does not hold its reference. If it was changed or ended meanwhile, the next write fails.
    return await stored.update_session(ended, record, *also)


async def remove_files(context: Context, session: Session, names: list[str]) -> Session:
    """Delete a session's files and refusals: rows before blobs, so that no row is ever without its blob.

    ``names`` are those of its blobs, from which the caller knows that they may be deleted. What an upload adds
    meanwhile is deleted by the timer.

    Raises:
        ConcurrentChangeError: another request changes the session.
    """
    stored, blobs, key = context.storage.sessions, context.storage.blobs, session.key
    files, refusals = await asyncio.gather(stored.files(key), stored.refusals(key))
    rows: list[StoredFile | Refusal] = [*files, *refusals]
    for start in range(0, len(rows), MAX_TRANSACTION - 1):
        batch = rows[start : start + MAX_TRANSACTION - 1]
        session = await stored.remove_rows(without_entries(session, batch), batch)
    await blobs.delete(key, names)
    return session


async def purge(context: Context, session: Session) -> None:
    """Delete everything of a deleted session, its own row last, so that an interrupted deletion is resumed.

    Raises:
        ConcurrentChangeError: another request changes the session.
    """
    stored = context.storage.sessions
    names, _ = await asyncio.gather(context.storage.blobs.names(session.key), stored.unlist(session.key))
    await stored.delete_session(await remove_files(context, session, names))
