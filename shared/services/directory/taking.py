"""Takes a directory: one pass over its file, then the parts of its index, then the row that makes it the current one.

Before that row is written nothing has changed. What an interrupted request leaves is removed by the timer.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import closing
from typing import TYPE_CHECKING

from shared.core.errors import FILE_TOO_LARGE, REQUEST_TIMEOUT, GraphError
from shared.core.ids import new_id, utc_now
from shared.core.optional import briefly
from shared.domain.audit import Activity, new_record
from shared.domain.directory import AttributeCounts, Directory
from shared.domain.etags import Conditions
from shared.models.list_body import ListBody
from shared.services.changes import change, gather_all
from shared.services.context import Context
from shared.services.directory.reading import get_directory
from shared.services.directory.refusing import refused_list
from shared.services.directory.removing import expect_removal
from shared.storage.directory.parts import USERS

if TYPE_CHECKING:
    from shared.access_data.people.directory_file import DirectoryReader

# The index of a directory is sorted and written by one request of a process at a time: that takes a hundred megabytes.
_writing = asyncio.Semaphore(1)


async def put_directory(
    context: Context, body: AsyncIterator[bytes], content_type: str | None, conditions: Conditions
) -> Directory:
    """Take a directory, which replaces the current one; returns it as it is stored.

    Raises:
        GraphError: 400 with the lines of faults, 408, 412, 413, 415; nothing has changed then.
    """
    # Imported here because they import NumPy.
    from shared.access_data.people.directory_file import DirectoryReader  # noqa: PLC0415
    from shared.access_data.people.lists import ListError  # noqa: PLC0415
    from shared.access_data.people.snapshots import new_key  # noqa: PLC0415

    key = new_key()
    with closing(DirectoryReader(key)) as reader:
        try:
            size, sha256 = await _receive(context, body, content_type, reader)
            identifier = new_id(utc_now())
            async with _writing:
                attributes = await _write(context, identifier, reader)
        except ListError as error:
            raise refused_list("The directory", error.findings) from None
        users = reader.users
    directory = Directory(
        identifier, key, sha256, size, users, attributes, utc_now(), uploaded_by=context.actor.object_id
    )
    try:
        return await _make_current(context, directory, conditions)
    except GraphError:
        await briefly(context.storage.directory_parts.remove(identifier), "the timer removes a refused directory")
        raise


async def _receive(
    context: Context, body: AsyncIterator[bytes], content_type: str | None, reader: "DirectoryReader"
) -> tuple[int, str]:
    """Read a body to its end; returns the size and the SHA-256 (hex) of the list in it."""
    form = ListBody(content_type, max_form_bytes=context.settings.max_form_bytes)
    digest, size, limit = hashlib.sha256(), 0, context.settings.max_file_bytes
    async for piece in body:
        for data in form.feed(piece):
            size += len(data)
            if size > limit:
                message = f"The directory is larger than {limit} bytes, which is the limit (UPLOADS_MAX_FILE_BYTES)."
                raise GraphError(FILE_TOO_LARGE, message)
            digest.update(data)
            for _ in reader.feeding(data):
                await asyncio.sleep(0)
    form.close()
    for _ in reader.feeding(b"", final=True):
        await asyncio.sleep(0)
    return size, digest.hexdigest()


async def _write(context: Context, identifier: str, reader: "DirectoryReader") -> tuple[AttributeCounts, ...]:
    """Write the parts of the index, each of which is made when the one before is written."""
    stored, attributes = context.storage.directory_parts, list[AttributeCounts]()
    parts = reader.parts()
    part = await asyncio.to_thread(next, parts, None)
    # Before the first blob, so that none of them stays without an owner.
    await expect_removal(context, identifier)
    await context.storage.directory.begin(identifier)
    while part is not None:
        if part.name is None:
            await stored.put(identifier, USERS, part.data)
        else:
            await stored.put(identifier, str(len(attributes)), part.data)
            attributes.append(AttributeCounts(part.name, part.users, part.shared))
        del part
        part = await asyncio.to_thread(next, parts, None)
    return tuple(attributes)


async def _make_current(context: Context, directory: Directory, conditions: Conditions) -> Directory:
    stored = context.storage.directory
    record = new_record(
        Activity.PUT_DIRECTORY, None, context.actor, sha256=directory.sha256, size=directory.size, users=directory.users
    )

    async def attempt() -> Directory:
        present, is_begun = await gather_all(stored.current(), stored.is_begun(directory.id))
        if not is_begun:
            raise GraphError(
                REQUEST_TIMEOUT,
                f"The upload took longer than {context.settings.max_upload_seconds} seconds, which is the limit "
                "(UPLOADS_MAX_UPLOAD_SECONDS). Nothing was changed. Upload the directory again.",
            )
        conditions.check(present.etag if present else None)
        if present is not None:
            # Uploads that have begun may still read it.
            await expect_removal(context, present.id)
        return await stored.put(directory, record, replaced=present.etag if present else None)

    return await change(context, attempt) or await get_directory(context)
