"""Deletes a file of a session: its row and the session's stats in one transaction, then its blob."""

import asyncio
from contextlib import suppress

from azure.core.exceptions import AzureError

from shared.core.ids import utc_now
from shared.core.settings import settings
from shared.domain.audit import Activity, Actor, Outcome, file_details, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import check_open, file_not_found, with_change, without_entries
from shared.domain.sessions import SessionKey
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions
from shared.storage.account import storage
from shared.storage.table_calls import ConcurrentChangeError


async def delete_stored_file(actor: Actor, key: SessionKey, file_id: str, if_match: IfMatch) -> None:
    """Delete an accepted file from an active session.

    Raises:
        GraphError: 404 for the session or the file; 409 when the session is not active; 412.
    """
    store, config = storage(), settings()
    sessions = Sessions(store, config, actor)
    for _ in attempts():
        session, file = await asyncio.gather(sessions.get(key), store.table.file(key, file_id))
        if file is None:
            raise file_not_found(file_id)
        if_match.check(session.etag)
        check_open(session, utc_now(), config.idle)
        changed = with_change(without_entries(session, [file]), utc_now())
        record = new_record(Activity.DELETE_FILE, key, actor, Outcome.SUCCESS, **file_details(file))
        try:
            await store.table.remove_rows(changed, [file], record)
        except ConcurrentChangeError:
            if not await store.audit.has(record):
                await pause()
                continue
        # The file is deleted, whatever happens now: a blob without a row is removed when the session ends.
        with suppress(AzureError):
            await store.blobs.delete(key, [file_id])
        return
    raise too_busy()
