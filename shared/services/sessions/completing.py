"""Completes sessions: whether a session may be completed, and everything that is stored with its completion."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from shared.core.ids import utc_now
from shared.core.optional import briefly
from shared.domain.audit import Activity, Outcome, new_record
from shared.domain.etags import Conditions
from shared.domain.lifecycle import check_open, completed, idle_deadline, keeps_files
from shared.domain.plausibility import ALLOW_CHANGE, LastComplete, unexpected_change
from shared.domain.sessions import Refusal, ResourceKey, Session, SessionKey, Snapshot, Status, StoredFile
from shared.models.manifest import manifest
from shared.services.changes import change
from shared.services.context import Context
from shared.services.sessions import outbox
from shared.services.sessions.reading import get_snapshot
from shared.services.sessions.receipts import sealed
from shared.storage.azure.blobs import MANIFEST
from shared.storage.azure.table import Operation
from shared.storage.resource_partition.rows import put_last_complete
from shared.telemetry.instruments import SESSIONS_COMPLETED, TIME_LEFT


async def complete_session(
    context: Context,
    key: SessionKey,
    conditions: Conditions,
    *,
    allow_incomplete: bool,
    allow_change: bool,
    check: Callable[[Session, Sequence[StoredFile]], None] = lambda *_: None,
) -> Snapshot:
    """Complete a session and write its manifest. A session that is already complete does not change.

    ``check`` raises if the request contradicts the session and its files.

    Raises:
        GraphError: 404; 409 when it has expired, is incomplete, or differs too much from the last one; 412.
    """
    outgoing: Sequence[Operation] = ()
    time_left: timedelta | None = None

    async def attempt() -> Snapshot:
        nonlocal outgoing, time_left
        outgoing, time_left = (), None
        snapshot = await get_snapshot(context, key)
        session, files = snapshot
        conditions.check(session.etag)
        if session.status is Status.COMPLETE:
            check(*snapshot)
            return snapshot
        check_open(session, utc_now(), context.settings.idle)
        check(*snapshot)
        refusals, last, forwarded = await asyncio.gather(
            _open_refusals(context, session),
            _last_complete(context, key.resource),
            outbox.forwards(context, key.resource),
        )
        after = completed(session, refusals, allow_incomplete=allow_incomplete, now=utc_now())
        after, put_receipt = sealed(after, files, context.actor)
        details = _details(context, session, files, last, allow_change=allow_change)
        record = new_record(Activity.COMPLETE_SESSION, key, context.actor, Outcome.SUCCESS, **details)
        outgoing = outbox.completion(context, after, files, forwarded=forwarded, after=session.last_active)
        await asyncio.gather(outbox.expect(context, key, outgoing), context.storage.audit.expect(record))
        time_left = idle_deadline(session, context.settings.idle) - utc_now()
        put_last = put_last_complete(after, files, last, compared=_compares(context))
        also = (put_last, put_receipt, *outgoing)
        return Snapshot(await context.storage.sessions.update_session(after, record, *also), files)

    snapshot = await change(context, attempt) or await get_snapshot(context, key)
    if time_left is not None:
        SESSIONS_COMPLETED.add(1)
        TIME_LEFT.record(time_left.total_seconds())
    # It is complete, whatever happens now. After a crash a repeated request, or the timer, does the rest.
    await briefly(write_manifest(context, *snapshot), f"session {key.session_id} waits for the timer for its manifest")
    await (outbox.wake_pending(context, key) if time_left is None else outbox.wake(context, key, outgoing))
    return snapshot


async def write_manifest(context: Context, session: Session, files: Sequence[StoredFile]) -> None:
    """Write the manifest of a complete session, unless it exists or the session's files are removed.

    A complete session does not change until then, so its manifest is the same at any time.
    """
    stored = context.storage
    if not keeps_files(session, utc_now(), context.settings.retention):
        return
    await stored.blobs.put_manifest(session.key, manifest(session, files))
    # The write of a blob cannot be conditional on a row: the removal of the files may have begun meanwhile.
    current = await stored.sessions.session(session.key)
    if current is None or current.files_removed is not None:
        await stored.blobs.delete(session.key, [MANIFEST])


async def _open_refusals(context: Context, session: Session) -> Sequence[Refusal]:
    return await context.storage.sessions.refusals(session.key) if session.open_refusals else ()


def _compares(context: Context) -> bool:
    """Whether a session is compared with the last complete one of its resource."""
    return context.settings.max_shrink_percent is not None or context.settings.max_growth_percent is not None


async def _last_complete(context: Context, resource: ResourceKey) -> LastComplete | None:
    return await context.storage.sessions.last_complete(resource) if _compares(context) else None


def _details(
    context: Context, session: Session, files: Sequence[StoredFile], last: LastComplete | None, *, allow_change: bool
) -> dict[str, str | int]:
    """The details of the audit record.

    Raises:
        GraphError: 409 if the number of rows differs too much from the last complete session.
    """
    rows = sum(file.rows for file in files)
    details: dict[str, str | int] = {
        "files": session.files_uploaded,
        "bytes": session.total_bytes,
        "rows": rows,
    }
    if allow_change:
        # For the target, which may have limits of its own.
        details["preference"] = ALLOW_CHANGE
    limits = {"max_shrink": context.settings.max_shrink_percent, "max_growth": context.settings.max_growth_percent}
    unexpected = None if last is None else unexpected_change(rows, last, **limits)
    if unexpected is None or last is None:
        return details
    if not allow_change:
        raise unexpected
    return details | {"lastRows": last.rows}
