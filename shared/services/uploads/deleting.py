"""Deletes a file of a session: its row and the session's stats in one transaction, then its blob."""

import asyncio

from shared.core.ids import utc_now
from shared.core.optional import briefly
from shared.domain.audit import Activity, Outcome, file_details, new_record
from shared.domain.etags import Conditions
from shared.domain.lifecycle import check_open, file_not_found, with_change, without_entries
from shared.domain.sessions import SessionKey
from shared.services.changes import change
from shared.services.context import Context
from shared.services.sessions.reading import get_session


async def delete_file(context: Context, key: SessionKey, file_id: str, conditions: Conditions) -> None:
    """Delete an accepted file from an active session.

    Raises:
        GraphError: 404 for the session or the file; 409 when the session is not active; 412.
    """
    stored = context.storage.sessions
    blobs: list[str] = []

    async def attempt() -> None:
        session, file = await asyncio.gather(get_session(context, key), stored.file(key, file_id))
        if file is None:
            raise file_not_found(file_id)
        conditions.check(session.etag)
        check_open(session, utc_now(), context.settings.idle)
        changed = with_change(without_entries(session, [file]), utc_now())
        record = new_record(Activity.DELETE_FILE, key, context.actor, Outcome.SUCCESS, **file_details(file))
        blobs[:] = file.blobs
        await stored.remove_rows(changed, [file], record)

    await change(context, attempt)
    # The file is deleted, whatever happens now: a blob without a row is removed when the session ends.
    await briefly(context.storage.blobs.delete(key, blobs), f"a blob of session {key.session_id} waits for its end")
