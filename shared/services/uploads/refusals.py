"""The open refusals of sessions: remembered by an upload, listed and withdrawn by a caller."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from shared.access_data.people.exceptions import write_accounts
from shared.core.ids import utc_now
from shared.domain.audit import Activity, Outcome, new_record
from shared.domain.etags import Conditions
from shared.domain.events import EventType
from shared.domain.lifecycle import (
    check_open,
    has_room_for_refusal,
    refusal_not_found,
    with_change,
    with_refusal,
    without_entries,
)
from shared.domain.sessions import Refusal, SessionKey, StoredFile
from shared.services.changes import change, gather_all
from shared.services.context import Context
from shared.services.sessions import outbox
from shared.services.sessions.reading import get_session, get_snapshot
from shared.storage.azure.packed import MAX_PACKED_BYTES
from shared.storage.azure.table import Operation


class Remembered(NamedTuple):
    """What became of a refusal: remembered, unless ``accepted`` (a file of that name) or ``full`` says why not."""

    accepted: StoredFile | None = None
    full: bool = False


async def remember_refusal(
    context: Context, key: SessionKey, refusal: Refusal, conditions: Conditions, *, size: int, sha256: str | None
) -> Remembered:
    """Remember that a file was refused, until an accepted file of the same name replaces it.

    A name that has an accepted file is not remembered as refused: that file stays. The upload is recorded, and
    postpones the expiration, in both cases. A session that has as many open refusals as files are allowed does not
    change at all.

    Args:
        context: on whose behalf.
        key: the session.
        refusal: what is remembered.
        conditions: the caller's condition.
        size: of the file, in bytes, for the audit record.
        sha256: of the file, in hex, for the audit record; ``None`` if the file was not read to its end.

    Raises:
        GraphError: 404, 409 or 412 when the session cannot be changed.
    """
    stored = context.storage.sessions
    details: dict[str, str | int | None] = {"size": size, "sha256": sha256, "findings": refusal.findings}
    record = new_record(Activity.UPLOAD_FILE, key, context.actor, Outcome.REFUSED, name=refusal.name, **details)
    remembered = Remembered()
    outgoing: Sequence[Operation] = ()

    async def attempt() -> None:
        nonlocal remembered, outgoing
        snapshot, _ = await gather_all(get_snapshot(context, key), context.storage.audit.expect(record))
        session, now = snapshot.session, utc_now()
        conditions.check(session.etag)
        check_open(session, now, context.settings.idle)
        remembered = Remembered(next((file for file in snapshot.files if file.name == refusal.name), None))
        outgoing = ()
        if remembered.accepted is not None:
            await stored.update_session(with_change(session, now), record)
            return
        known = bool(session.open_refusals) and await stored.refusal(key, refusal.id) is not None
        if not known and not has_room_for_refusal(session, context.settings.max_files):
            remembered = Remembered(full=True)
            return
        counts = {"findings": refusal.findings, "bytes": size}
        outgoing = outbox.event(context, EventType.FILE_REFUSED, key, counts, after=session.last_active)
        await outbox.expect(context, key, outgoing)
        await stored.add_refusal(with_refusal(session, known=known, now=now), refusal, record, *outgoing)

    await change(context, attempt)
    await outbox.wake(context, key, outgoing)
    return remembered


async def list_refusals(context: Context, key: SessionKey) -> Sequence[Refusal]:
    """The open refusals of a session, the oldest first.

    Raises:
        GraphError: 404.
    """
    _, refusals = await asyncio.gather(get_session(context, key), context.storage.sessions.refusals(key))
    return sorted(refusals, key=lambda refusal: refusal.refused)


def unmatched_list(accounts: Sequence[str]) -> bytes:
    """The list of accounts of a new refusal, as far as its row has room for it; nothing if there are none."""
    room, some = MAX_PACKED_BYTES, list[tuple[str, str]]()
    for account in accounts:
        room -= len(write_accounts([(account, "")]))
        if room < 0:
            break
        some.append((account, ""))
    return write_accounts(some) if some else b""


async def accounts_of_refusal(context: Context, key: SessionKey, refusal_id: str) -> bytes:
    """The accounts of a refused file that have no principal, as a list to be filled in: a CSV file.

    Raises:
        GraphError: 404 for the session or the refusal.
    """
    stored = context.storage.sessions
    _, accounts = await asyncio.gather(get_session(context, key), stored.accounts_of_refusal(key, refusal_id))
    if accounts is None:
        raise refusal_not_found(refusal_id)
    return accounts or write_accounts(())


async def withdraw_refusal(context: Context, key: SessionKey, refusal_id: str, conditions: Conditions) -> None:
    """Withdraw a refusal, so that it no longer blocks the completion of its session.

    Raises:
        GraphError: 404 for the session or the refusal; 409 when the session is not active; 412.
    """
    stored = context.storage.sessions

    async def attempt() -> None:
        session, refusal = await asyncio.gather(get_session(context, key), stored.refusal(key, refusal_id))
        conditions.check(session.etag)
        if refusal is None:
            raise refusal_not_found(refusal_id)
        check_open(session, utc_now(), context.settings.idle)
        changed = with_change(without_entries(session, [refusal]), utc_now())
        details: dict[str, str | int | None] = {"name": refusal.name, "findings": refusal.findings}
        record = new_record(Activity.DELETE_REFUSAL, key, context.actor, Outcome.SUCCESS, **details)
        await stored.remove_rows(changed, [refusal], record)

    await change(context, attempt)
