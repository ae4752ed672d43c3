"""Has a session delivered again because somebody asks for it."""

from collections.abc import Sequence

from shared.core.errors import DELIVERY_NOT_FOUND, GraphError
from shared.core.ids import new_id, utc_now
from shared.domain.audit import Activity, new_record
from shared.domain.deliveries import Delivery, DeliveryState, Target, new_delivery, renewed
from shared.domain.events import Event, EventType
from shared.domain.sessions import Session, SessionKey, Snapshot, Status
from shared.services.changes import change
from shared.services.context import Context
from shared.services.deliveries.attempts import has_target
from shared.services.sessions import outbox
from shared.services.sessions.reading import get_snapshot
from shared.storage.azure.table import Operation
from shared.storage.resource_partition.deliveries import put_delivery, put_event


async def redeliver(context: Context, key: SessionKey, target: Target) -> Delivery:
    """Have a session delivered again now, whatever came of earlier attempts.

    For events, its completion is sent once more. A session that was completed before the settings named the target is
    delivered as well.

    Raises:
        GraphError: 404 if there is no such session, or nothing to deliver to this target.
    """
    stored, graph = context.storage.deliveries, target is Target.GRAPH
    snapshot = await get_snapshot(context, key)
    if not (await outbox.forwards(context, key.resource) if graph else has_target(context, target)):
        raise _nothing_to_deliver(target)
    record = new_record(Activity.REDELIVER_SESSION, key, context.actor, target=target.value)
    delivery = new_delivery(key, target, utc_now())
    outgoing: Sequence[Operation] = ()

    async def attempt() -> None:
        nonlocal delivery, outgoing
        found = await stored.delivery(key, target)
        if not _has_something_for(target, snapshot.session, found):
            raise _nothing_to_deliver(target)
        now = utc_now()
        delivery = new_delivery(key, target, now) if found is None else renewed(found, now)
        events = [] if graph else _completion_events(snapshot)
        outgoing = [put_delivery(delivery), *events]
        await outbox.expect(context, key, outgoing)
        if found is None:
            await stored.put(*outgoing, record)
        else:
            await stored.update(delivery, *events, record)

    if not graph:
        # A receiver that was gone is asked again.
        await context.storage.target_notes.leave(target, gone=False)
    await change(context, attempt)
    await outbox.wake(context, key, outgoing)
    return delivery


def _has_something_for(target: Target, session: Session, delivery: Delivery | None) -> bool:
    """Whether there is something to deliver: all of a complete session, or events that an earlier attempt has left."""
    if _is_whole(session):
        return target is Target.EVENTS or session.files_uploaded > 0
    # Events are removed when they are sent.
    return target is Target.EVENTS and delivery is not None and delivery.state is not DeliveryState.DELIVERED


def _is_whole(session: Session) -> bool:
    return session.status is Status.COMPLETE and session.files_removed is None


def _completion_events(snapshot: Snapshot) -> list[Operation]:
    """The event of the completion once more, if the session is complete."""
    if not _is_whole(snapshot.session):
        return []
    data = outbox.completion_data(*snapshot)
    return [put_event(Event(new_id(utc_now()), EventType.COMPLETED, snapshot.session.key, data))]


def _nothing_to_deliver(target: Target) -> GraphError:
    needs = {
        Target.GRAPH: "UPLOADS_FORWARD_URL, and its resource is forwarded (UPLOADS_FORWARD_RESOURCES)",
        Target.EVENTS: "UPLOADS_EVENTS_URL",
    }
    return GraphError(
        DELIVERY_NOT_FOUND,
        f"This upload session has no delivery to '{target}'. A complete session has one until its files are removed, "
        f"if the service is configured with {needs[target]}.",
    )
