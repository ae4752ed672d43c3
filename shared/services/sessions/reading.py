"""Reads sessions, their files, and the files' bytes."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from azure.core.exceptions import ResourceNotFoundError

from shared.domain.lifecycle import file_not_found, session_not_found
from shared.domain.sessions import ResourceKey, Session, SessionKey, Snapshot, Status, StoredFile
from shared.services.changes import MAX_ATTEMPTS, too_busy
from shared.services.context import Context

# Range queries of one request at the same time.
_QUERIES_AT_ONCE = 8


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
    """A session and its files, consistent with each other.

    Raises:
        GraphError: 404.
    """
    for _ in range(MAX_ATTEMPTS):
        session, files = await asyncio.gather(get_session(context, key), context.storage.sessions.files(key))
        # A file's row and the session's count change together: if they agree, both reads saw the same state.
        if len(files) == session.files_uploaded:
            return Snapshot(session, files)
    raise too_busy()


async def scan_sessions(
    context: Context, resource: ResourceKey, *, after: str | None, page_size: int
) -> AsyncIterator[Session]:
    """A resource's sessions in order of creation, starting after the id ``after``: one range scan."""
    async for session in context.storage.sessions.sessions(resource, after=after, page_size=page_size):
        if session.status is not Status.DELETED:
            yield session


async def get_files_between(
    context: Context, resource: ResourceKey, ranges: Sequence[tuple[str, str]]
) -> dict[str, list[StoredFile]]:
    """The files of a resource's sessions in ranges of session ids (first and last), by session id."""
    limit = asyncio.Semaphore(_QUERIES_AT_ONCE)

    async def query(first: str, last: str) -> dict[str, list[StoredFile]]:
        async with limit:
            return await context.storage.sessions.files_between(resource, first, last)

    found = await asyncio.gather(*(query(first, last) for first, last in ranges))
    return {session_id: files for part in found for session_id, files in part.items()}


async def get_file(context: Context, key: SessionKey, file_id: str) -> StoredFile:
    """One file of a session.

    Raises:
        GraphError: 404 for the session or the file.
    """
    _, file = await asyncio.gather(get_session(context, key), context.storage.sessions.file(key, file_id))
    if file is None:
        raise file_not_found(file_id)
    return file


async def read_file(context: Context, key: SessionKey, file: StoredFile) -> AsyncIterator[bytes]:
    """A file's bytes as they were uploaded, in chunks.

    Raises:
        GraphError: 404 when it has been deleted since its row was read.
    """
    try:
        return await context.storage.blobs.read(key, file.id)
    except ResourceNotFoundError:
        # A row is never without its blob, so that a missing blob means that the file was deleted meanwhile.
        raise file_not_found(file.id) from None
