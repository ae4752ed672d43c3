"""Creates sessions, within the limits and with their rows in the indexes."""

import asyncio

from shared.core.errors import REFERENCE_TAKEN, GraphError
from shared.core.ids import new_id, utc_now
from shared.domain.audit import SERVICE, Activity, AuditRecord, new_record
from shared.domain.lifecycle import holds_reference, new_session, warning_time
from shared.domain.sessions import Reference, ResourceKey, Review, Session, SessionKey, Status
from shared.services.changes import change
from shared.services.context import Context
from shared.services.sessions import outbox
from shared.services.sessions.quotas import check_quotas
from shared.services.sessions.reading import get_session, rows_missing
from shared.storage.audit_log import ConcurrentChangeError
from shared.storage.indexes.due_sessions import DueSession
from shared.storage.resource_partition.rows import update_session
from shared.telemetry.instruments import count_expired


async def create_session(context: Context, resource: ResourceKey, review: Review) -> Session:
    """Create a session: its index rows and the check of the limits at the same time, then one transaction.

    Raises:
        GraphError: 409 when a session that is active or complete holds the reference; 400 or 429 when the resource or
            the caller has too many; 500 when a session whose rows are missing has the reference.
    """
    now = utc_now()
    session = new_session(SessionKey(resource, new_id(now)), review, now)
    record = new_record(Activity.CREATE_SESSION, session.key, context.actor, reviewInstanceId=review.instance_id)
    await _prepare(context, session, record)

    async def attempt() -> Session:
        try:
            return await context.storage.sessions.insert_session(session, record)
        except ConcurrentChangeError:
            reference = await context.storage.sessions.reference(resource, review.instance_id)
            if reference is None:
                raise
        holder = await context.storage.sessions.session(reference.holder)
        if holder is not None and holder.key == session.key:
            # The answer was lost, which the row says without another read.
            return holder
        if holder is not None and holds_reference(holder, utc_now(), context.settings.idle):
            await _abandon(context, session)
            raise _reference_taken(holder)
        if holder is None and not await context.storage.audit.has_deletion(reference.holder):
            await _abandon(context, session)
            raise rows_missing(reference.holder, "only that of its reference is there")
        return await _take_over(context, session, record, reference, holder)

    return await change(context, attempt) or await get_session(context, session.key)


async def _take_over(
    context: Context, session: Session, record: AuditRecord, reference: Reference, former: Session | None
) -> Session:
    """Create a session with the reference of one that is over; one that has expired is stored as such.

    One that is stored as over, or is deleted, has released its reference in the same transaction. Unless that was
    meanwhile, so that the reference has changed since it was read, the reference's row is of an earlier time.
    """
    if former is None or former.status is not Status.ACTIVE:
        return await context.storage.sessions.take_over_reference(session, reference, record)
    expired = new_record(Activity.EXPIRE_SESSION, former.key, SERVICE)
    outgoing = outbox.expired(context, former)
    await outbox.expect(context, former.key, outgoing)
    created = await context.storage.sessions.take_over_reference(
        session, reference, record, update_session(former._replace(status=Status.EXPIRED)), expired, *outgoing
    )
    count_expired(former.files_uploaded)
    await outbox.wake(context, former.key, outgoing)
    return created


async def _prepare(context: Context, session: Session, record: AuditRecord) -> None:
    """Write the index rows of a session that is about to be created, and check the limits meanwhile.

    The index rows come before the session: in the other order, a crash would leave one that the timer never finds.

    Raises:
        GraphError: as ``create_session``.
    """
    key = session.key
    within, *written = await asyncio.gather(
        check_quotas(context, key),
        context.storage.due_expiries.put(_index_row(context, session)),
        context.storage.audit.expect(record),
        _list_for_caller(context, key),
        return_exceptions=True,
    )
    for failure in written:
        if failure is not None:
            raise failure
    if within is None:
        return
    await _abandon(context, session)
    if isinstance(within, GraphError):
        # A client that lost the answer of its last create repeats it, and gets its session even at a limit.
        reference = await context.storage.sessions.reference(key.resource, session.review.instance_id)
        holder = None if reference is None else await context.storage.sessions.session(reference.holder)
        if holder is not None and holds_reference(holder, utc_now(), context.settings.idle):
            raise _reference_taken(holder)
    raise within


async def _list_for_caller(context: Context, key: SessionKey) -> None:
    if context.actor.object_id:
        await context.storage.callers.put(context.actor.object_id, key)


async def _abandon(context: Context, session: Session) -> None:
    """Remove the index rows of a session that is not created after all."""
    removals = [context.storage.due_expiries.remove(_index_row(context, session))]
    if context.actor.object_id:
        removals.append(context.storage.callers.remove(context.actor.object_id, session.key.session_id))
    await asyncio.gather(*removals)


def _index_row(context: Context, session: Session) -> DueSession:
    return DueSession(warning_time(session, context.settings.idle), session.key)


def _reference_taken(holder: Session) -> GraphError:
    complete = holder.status is Status.COMPLETE
    advice = "The data of this review instance is final." if complete else "Use that session."
    return GraphError(
        REFERENCE_TAKEN,
        f"This resource already has an upload session for this review instance: '{holder.key.session_id}', "
        f"which is {holder.status.value}. {advice}",
        target="referenceId",
        extra={"uploadSessionId": holder.key.session_id},
    )
