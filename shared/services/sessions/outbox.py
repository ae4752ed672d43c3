"""The outbox: what the targets have to hear of a change of a session, stored in the transaction of the change.

For each change: ``expect``, then the change's transaction, then ``wake``. Without a target in the settings, nothing is
stored, read or sent.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from shared.core.ids import new_id, utc_now
from shared.core.optional import briefly
from shared.domain.deliveries import DeliveryState, Target, new_delivery
from shared.domain.events import Event, EventType
from shared.domain.sessions import ResourceKey, Session, SessionKey, StoredFile
from shared.models.manifest import manifest
from shared.services.context import Context
from shared.storage.azure.table import Operation
from shared.storage.indexes.due_sessions import DueSession
from shared.storage.resource_partition.deliveries import put_delivery, put_event

# The timer looks at a session after this time, in case the message that wakes the function is lost. Longer than the
# change that is written next may take: if the timer came before it, it would remove the index row.
SWEEP_AFTER = timedelta(minutes=5)

# Ids of events have milliseconds.
_NEXT = timedelta(milliseconds=1)


def completion_data(session: Session, files: Sequence[StoredFile]) -> dict[str, str | int | None]:
    """What the event of a completion tells: counts, and the digest of the manifest, which lists the files' digests."""
    return {
        "files": session.files_uploaded,
        "bytes": session.total_bytes,
        "rows": sum(file.rows for file in files),
        "manifestSha256": hashlib.sha256(manifest(session, files)).hexdigest(),
    }


async def forwards(context: Context, resource: ResourceKey) -> bool:
    """Whether the complete sessions of a resource are forwarded. One point read, or none."""
    config = context.settings
    if config.forward_url is None or config.forward_resources == "all":
        return config.forward_url is not None
    description = await context.storage.descriptions.get(resource)
    return description is not None and description.target is not None


def completion(
    context: Context, session: Session, files: Sequence[StoredFile], *, forwarded: bool, after: datetime
) -> list[Operation]:
    """The operations that go with the completion of a session that was changed last at ``after``.

    One without files has nothing to forward: its caller has completed it so on purpose.
    """
    told = event(context, EventType.COMPLETED, session.key, completion_data(session, files), after=after)
    # Not earlier than the event, so that the one of the delivery comes after it.
    now = max(utc_now(), after + _NEXT)
    forward = [put_delivery(new_delivery(session.key, Target.GRAPH, now))] if forwarded and files else []
    return [*forward, *told]


def event(
    context: Context,
    event_type: EventType,
    key: SessionKey,
    data: Mapping[str, str | int | None],
    *,
    after: datetime | None = None,
    event_id: str | None = None,
) -> list[Operation]:
    """The operations that go with any other change. ``event_id`` makes a repeated event the same one.

    Events are sent in the order of their times. ``after`` is the time of what came before it, by a clock that may have
    been ahead of this one.
    """
    if context.settings.events_url is None:
        return []
    now = utc_now() if after is None else max(utc_now(), after + _NEXT)
    waiting = Event(event_id or new_id(now), event_type, key, data)
    return [put_delivery(new_delivery(key, Target.EVENTS, now)), put_event(waiting)]


def expired(context: Context, session: Session) -> list[Operation]:
    """The operations that go with the expiration of a session."""
    counts = {"files": session.files_uploaded, "bytes": session.total_bytes}
    return event(context, EventType.EXPIRED, session.key, counts)


async def add(context: Context, key: SessionKey, operations: Sequence[Operation]) -> None:
    """Store what does not go with a change of the session."""
    if operations:
        await expect(context, key, operations)
        await context.storage.deliveries.put(*operations)
        await wake(context, key, operations)


async def expect(context: Context, key: SessionKey, operations: Sequence[Operation]) -> None:
    """Have the timer look at a session soon. It comes before the change, so that a crash after it loses nothing."""
    if operations:
        await context.storage.due_deliveries.put(DueSession(utc_now() + SWEEP_AFTER, key))


async def wake(context: Context, key: SessionKey, operations: Sequence[Operation]) -> None:
    """Have the function look at a session now. If the queue does not answer, the timer does it a little later."""
    if operations:
        await context.storage.queue.wake(key)


async def wake_pending(context: Context, key: SessionKey) -> None:
    """Have the function look at a session whose deliveries wait, in case that the process died that stored them."""
    if context.settings.has_targets:
        await briefly(_wake_pending(context, key), f"session {key.session_id} waits for the timer to be delivered")


async def _wake_pending(context: Context, key: SessionKey) -> None:
    found = await context.storage.deliveries.deliveries(key)
    if any(each.state is DeliveryState.PENDING for each in found):
        await context.storage.queue.wake(key)
