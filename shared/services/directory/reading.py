"""Tells of the current directory: counts only, nothing of a person."""

from shared.core.errors import DIRECTORY_NOT_FOUND, GraphError
from shared.domain.directory import Directory
from shared.services.context import Context


async def get_directory(context: Context) -> Directory:
    """The current directory.

    Raises:
        GraphError: 404.
    """
    directory = await context.storage.directory.current()
    if directory is None:
        raise GraphError(DIRECTORY_NOT_FOUND, "There is no directory. Upload one with PUT.")
    return directory
