"""Removes directories: the current one on request, and the blobs of others when no upload can use them any more."""

from shared.core.ids import utc_now
from shared.domain.audit import Activity, new_record
from shared.domain.directory import Directory, directory_folder
from shared.domain.etags import Conditions
from shared.services.changes import change
from shared.services.context import Context
from shared.services.directory.reading import get_directory
from shared.storage.indexes.due_sessions import DueSession


async def expect_removal(context: Context, identifier: str) -> None:
    """Have the timer remove the blobs of a directory after the longest upload, unless it is the current one then."""
    due = utc_now() + context.settings.max_upload
    await context.storage.due_expiries.put(DueSession(due, directory_folder(identifier)))


async def delete_directory(context: Context, conditions: Conditions) -> None:
    """Remove the directory: first the row that makes it the current one, then its blobs.

    An upload that has loaded it goes on with it.

    Raises:
        GraphError: 404, 412.
    """
    record = new_record(Activity.DELETE_DIRECTORY, None, context.actor)
    removed: Directory | None = None

    async def attempt() -> None:
        nonlocal removed
        removed = await get_directory(context)
        conditions.check(removed.etag)
        await expect_removal(context, removed.id)
        await context.storage.directory.delete(removed, record)

    await change(context, attempt)
    if removed is not None:
        await context.storage.directory_parts.remove(removed.id)


async def settle_directory(context: Context, identifier: str) -> str:
    """What the timer does when an index row of a directory is due: remove its blobs if it is not the current one.

    Returns the outcome: ``current`` or ``removed``.
    """
    # First, so that an upload that takes too long does not make it the current one after it was looked at.
    await context.storage.directory.give_up(identifier)
    current = await context.storage.directory.current()
    if current is not None and current.id == identifier:
        return "current"
    await context.storage.directory_parts.remove(identifier)
    return "removed"
