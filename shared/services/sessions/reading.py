"""Reads sessions, their files, and the files' bytes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from azure.core.exceptions import ResourceNotFoundError

from shared.core.errors import INCOMPLETE_DATA, SESSION_NOT_FOUND, GraphError
from shared.domain.lifecycle import file_not_found, has_exactly, session_not_found
from shared.domain.ranges import ByteRange
from shared.domain.sessions import ResourceKey, Session, SessionKey, Snapshot, Status, StoredFile, mark_of
from shared.services.changes import pause, too_busy
from shared.services.context import Context

# Range queries of one request at the same time.
_QUERIES_AT_ONCE = 8

# Of a download, which has one in memory for as long as its client takes.
_BLOCK_BYTES = 1024 * 1024

# Each of them fails only if the session changes while it reads.
_ROUNDS = 20

_log = logging.getLogger("uploads.sessions")


async def get_session(context: Context, key: SessionKey) -> Session:
    """One session, by a point read.

    Raises:
        GraphError: 404.
    """
    session = await context.storage.sessions.session(key)
    if session is None or session.status is Status.DELETED:
        raise session_not_found(key)
    return session


async def get_snapshot(context: Context, key: SessionKey) -> Snapshot:
    """A session and its files at one moment.

    Raises:
        GraphError: as ``snapshot_of``.
    """
    session, files = await asyncio.gather(get_session(context, key), context.storage.sessions.files(key))
    return await snapshot_of(context, session, files)


async def snapshot_of(context: Context, session: Session, files: Sequence[StoredFile]) -> Snapshot:
    """A session and its files at one moment, from both as they were read apart.

    Where the mark does not say that these belong together, the files are read once more, and then the session: the row
    of a session changes with its files, so that they did not change either if it is still the same.

    Raises:
        GraphError: 404; 500 when rows are missing; 503 when the session changes during every read.
    """
    for number in range(_ROUNDS):
        if has_exactly(session, files):
            return Snapshot(session, files)
        files = await context.storage.sessions.files(session.key)
        before, session = session, await get_session(context, session.key)
        if session.etag == before.etag:
            return _unchanged(session, files)
        await pause(number)
    raise too_busy()


def _unchanged(session: Session, files: Sequence[StoredFile]) -> Snapshot:
    """The snapshot of a session that did not change while its files were read.

    Raises:
        GraphError: 500 when these are not its files.
    """
    mark = mark_of(file.id for file in files)
    if session.files_mark in (None, mark) and session.files_uploaded == len(files):
        return Snapshot(session._replace(files_mark=mark), files)
    raise rows_missing(session.key, f"it counts {session.files_uploaded} files, and {len(files)} have rows")


def rows_missing(key: SessionKey, reason: str) -> GraphError:
    """The error for a session whose rows do not belong together, which only its operator can repair: the log tells."""
    _log.error("the rows of session %s do not belong together: %s; restore its rows", key.session_id, reason)
    return GraphError(
        INCOMPLETE_DATA,
        f"The stored data of the upload session '{key.session_id}' is incomplete: rows are missing, or are older than "
        "others. Nothing was changed. Repeating the request does not help: the operator of the service has to restore "
        "the rows.",
    )


async def scan_sessions(
    context: Context, resource: ResourceKey, *, newest_first: bool, beyond: str | None, page_size: int
) -> AsyncIterator[Session]:
    """A resource's sessions in order of creation or the newest first, from beyond an id on; ``page_size`` at a time."""
    stored = context.storage.sessions
    if newest_first:
        sessions = stored.newest_sessions(resource, before=beyond, page_size=page_size)
    else:
        sessions = stored.sessions(resource, after=beyond, page_size=page_size)
    async for session in sessions:
        if session.status is not Status.DELETED:
            yield session


async def get_snapshots(
    context: Context, resource: ResourceKey, sessions: Sequence[Session], ranges: Sequence[tuple[str, str]]
) -> Sequence[Snapshot]:
    """Sessions of a resource, each with its files at one moment; those that were deleted meanwhile are left out.

    Args:
        context: on whose behalf.
        resource: the resource.
        sessions: as they were read before.
        ranges: of session ids, first and last, that contain their files.

    Raises:
        GraphError: 500 or 503, as ``snapshot_of``.
    """
    limit = asyncio.Semaphore(_QUERIES_AT_ONCE)

    async def query(first: str, last: str) -> dict[str, list[StoredFile]]:
        async with limit:
            return await context.storage.sessions.files_between(resource, first, last)

    async def snapshot(session: Session) -> Snapshot | None:
        async with limit:
            try:
                return await snapshot_of(context, session, found.get(session.key.session_id, ()))
            except GraphError as error:
                if error.problem is SESSION_NOT_FOUND:
                    return None
                raise

    parts = await asyncio.gather(*(query(first, last) for first, last in ranges))
    found = {session_id: files for part in parts for session_id, files in part.items()}
    return [each for each in await asyncio.gather(*map(snapshot, sessions)) if each is not None]


async def get_file(context: Context, key: SessionKey, file_id: str) -> StoredFile:
    """One file of a session.

    Raises:
        GraphError: 404 for the session or the file.
    """
    _, file = await asyncio.gather(get_session(context, key), context.storage.sessions.file(key, file_id))
    if file is None:
        raise file_not_found(file_id)
    return file


async def read_rows(
    context: Context, key: SessionKey, file: StoredFile, part: ByteRange | None
) -> AsyncIterator[bytes]:
    """The rows of a file in Graph's form, or a part of them, in blocks. The file itself, if it is in this form.

    Raises:
        GraphError: as ``read_file``.
    """
    return await _read(context, key, file, file.blobs[-1], part or ByteRange(0, file.as_rows.size))


async def read_file(
    context: Context, key: SessionKey, file: StoredFile, part: ByteRange | None
) -> AsyncIterator[bytes]:
    """A file's bytes as they were uploaded, or a part of them, in blocks.

    Raises:
        GraphError: 404 when it has been deleted since its row was read.
    """
    return await _read(context, key, file, file.id, part or ByteRange(0, file.size))


async def _read(
    context: Context, key: SessionKey, file: StoredFile, blob: str, part: ByteRange
) -> AsyncIterator[bytes]:
    try:
        first, length = part
        return await context.storage.blobs.read(key, blob, first=first, length=length, block_bytes=_BLOCK_BYTES)
    except ResourceNotFoundError:
        # A row is never without its blob, so that a missing blob means that the file was deleted meanwhile.
        raise file_not_found(file.id) from None
