"""Ends sessions and deletes what they hold. Each step can be repeated after a crash."""

import asyncio

from shared.domain.audit import AuditRecord
from shared.domain.lifecycle import without_entries
from shared.domain.sessions import Refusal, Session, Status, StoredFile
from shared.storage.blobs import BlobStore
from shared.storage.session_table import SessionTable
from shared.storage.table import Operation
from shared.storage.table_calls import MAX_TRANSACTION


async def end(table: SessionTable, session: Session, status: Status, record: AuditRecord, *also: Operation) -> Session:
    """Store that a session is expired or deleted, and free its reference if it is stored as active.

    ``also`` is stored in the same transaction.

    Raises:
        ConcurrentChangeError: the session changed since it was read.
    """
    ended = session._replace(status=status)
    if session.status is Status.ACTIVE:
        return await table.release_reference(ended, record, *also)
    return await table.update_session(ended, record, *also)


async def remove_files(table: SessionTable, blobs: BlobStore, session: Session) -> Session:
    """Delete a session's files and refusals: rows before blobs, so that no row is ever without its blob.

    Raises:
        ConcurrentChangeError: another request changes the session.
    """
    key = session.key
    files, refusals = await asyncio.gather(table.files(key), table.refusals(key))
    rows: list[StoredFile | Refusal] = [*files, *refusals]
    for start in range(0, len(rows), MAX_TRANSACTION - 1):
        batch = rows[start : start + MAX_TRANSACTION - 1]
        session = await table.remove_rows(without_entries(session, batch), batch)
    await blobs.delete(key, await blobs.names(key))
    return session


async def purge(table: SessionTable, blobs: BlobStore, session: Session) -> None:
    """Delete everything of a deleted session, its own row last, so that an interrupted deletion is resumed.

    Raises:
        ConcurrentChangeError: another request changes the session.
    """
    await table.delete_session(await remove_files(table, blobs, session))
