"""Hands on what waits in the outbox: forwards complete sessions to Microsoft Graph, and sends events.

One attempt at a time claims a delivery, by a row that it renews while it works. Every step can be repeated: after a
process that died, another attempt first reads what the target has. Whoever stores when a delivery has to be looked at
again sends the message for that moment.
"""

import asyncio
import logging
import traceback
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

from azure.core.exceptions import AzureError

from shared.core.ids import utc_now
from shared.domain.audit import SERVICE, Activity, AuditRecord, Outcome, new_record
from shared.domain.deliveries import (
    Delivery,
    DeliveryError,
    DeliveryState,
    Target,
    after_failure,
    delivered,
    is_due,
)
from shared.domain.events import EventType
from shared.domain.sessions import SessionKey
from shared.services.context import Context
from shared.services.deliveries.claims import Claim
from shared.services.deliveries.targets import forward_session, send_events
from shared.services.deliveries.turns import in_turn
from shared.services.due_walk import walk
from shared.services.sessions import outbox
from shared.storage.audit_log import ConcurrentChangeError
from shared.storage.azure.queue import Message
from shared.storage.azure.table import Operation
from shared.storage.indexes.due_sessions import DueSession
from shared.telemetry.instruments import DELIVERIES_AGE, count_delivery

# When the timer looks again at a session that it has woken.
LOOK_AGAIN = timedelta(minutes=5)

# The timer comes a little later than the message, which is the usual way.
_TIMER_LATER = timedelta(seconds=30)

# When the timer looks again at what waits for a target that the settings do not name any more.
_UNCONFIGURED = timedelta(days=1)

_log = logging.getLogger("uploads.deliveries")


async def deliveries_of(context: Context, key: SessionKey) -> list[Delivery]:
    """A session's deliveries; none, without a call, if the settings name no target."""
    return await context.storage.deliveries.deliveries(key) if context.settings.has_targets else []


async def deliver_due(context: Context, message: Message) -> None:
    """Make an attempt at each delivery of a session that is due, and have the session looked at again if needed.

    Raises:
        AzureError: storage failed; another message or the timer has the session looked at again.
    """
    key, now = message.key, max(utc_now(), message.due or utc_now())
    waiting = [each for each in await context.storage.deliveries.deliveries(key) if has_target(context, each.target)]
    due = [
        in_turn(context, each.target, now, partial(_attempt, context, each, now))
        for each in waiting
        if is_due(each, now)
    ]
    after = await asyncio.gather(*due, return_exceptions=True)
    moments = {each for each in after if isinstance(each, datetime)}
    if moments:
        await context.storage.due_deliveries.put(DueSession(min(moments) + _TIMER_LATER, key))
        await asyncio.gather(*(context.storage.queue.wake(key, moment) for moment in moments))
    for each in after:
        if isinstance(each, BaseException):
            raise each


async def wake_due(context: Context) -> Counter[str]:
    """Wake the sessions whose message was lost; returns how often each outcome occurred. With none it is one query.

    Raises:
        AzureError: storage failed; the next run of the timer continues.
    """
    seen: set[SessionKey] = set()
    now = oldest = utc_now()

    async def visit(entry: DueSession) -> str:
        nonlocal oldest
        outcome, since = await _look_at(context, entry, seen)
        oldest = min(oldest, since)
        return outcome

    walked = await walk(context.storage.due_deliveries, now, visit)
    DELIVERIES_AGE.set((now - oldest).total_seconds())
    return walked.done


async def _look_at(context: Context, entry: DueSession, seen: set[SessionKey]) -> tuple[str, datetime]:
    """Wake a session that is due, and write when to look at it again before its index row is removed.

    Returns ``woken``, ``waiting``, ``delivered`` or ``failed``, and since when it waits; now if it does not.
    """
    key, index = entry.key, context.storage.due_deliveries
    pending = [each for each in await context.storage.deliveries.deliveries(key) if each.state is DeliveryState.PENDING]
    configured = [each for each in pending if has_target(context, each.target)]
    now, outcome = utc_now(), "waiting" if pending else "delivered"
    if pending and key not in seen:
        seen.add(key)
        again = min((each.next_attempt for each in configured), default=now + _UNCONFIGURED)
        if any(is_due(each, now) for each in configured):
            if not await context.storage.queue.wake(key):
                return "failed", min(each.pending_since for each in configured)
            outcome, again = "woken", now + LOOK_AGAIN
        # The same row as that of the attempt before, so that there is one for each session.
        await index.put(DueSession(again + _TIMER_LATER, key))
    await index.remove(entry)
    return outcome, min((each.pending_since for each in configured), default=now)


def has_target(context: Context, target: Target) -> bool:
    """Whether the settings name a target of this kind."""
    return (context.settings.forward_url if target is Target.GRAPH else context.settings.events_url) is not None


async def _attempt(context: Context, delivery: Delivery, now: datetime) -> datetime | None:
    """One attempt. Returns when to look at the delivery again; ``None`` when it has ended."""
    claim = await Claim.take(context.storage.deliveries, delivery, now)
    if isinstance(claim, datetime):
        # The process that has it may be dead, so that nobody else would come.
        return claim
    attempt = forward_session if delivery.target is Target.GRAPH else send_events
    error = None
    try:
        # The host would end the worker process at its own limit, and all other requests in it.
        await claim.hold(partial(attempt, context), context.settings.max_upload_seconds)
    except ConcurrentChangeError:
        # There is something more to deliver now, or another attempt took over.
        await claim.release()
        return utc_now()
    except DeliveryError as failure:
        error = failure
    except TimeoutError:
        error = DeliveryError(
            f"The attempt took longer than {context.settings.max_upload_seconds} seconds "
            "(UPLOADS_MAX_UPLOAD_SECONDS). The next one continues where it ended."
        )
    except AzureError as failure:
        error = DeliveryError(f"This service's own storage failed ({type(failure).__name__}).")
    except Exception as failure:  # noqa: BLE001  # whatever it is, the attempt counts, and ends
        frames = "".join(traceback.format_tb(failure.__traceback__))
        _log.error("unexpected exception: %s\n%s", type(failure).__name__, frames)
        error = DeliveryError(f"The attempt failed unexpectedly ({type(failure).__name__}).")
    return await _settle(context, claim, error)


async def _settle(context: Context, claim: Claim, error: DeliveryError | None) -> datetime | None:
    """Store the result of an attempt, then tell it. Its end, for better or worse, is an audit record and an event.

    Returns when to look at the delivery again.
    """
    before, give_up = claim.delivery, timedelta(seconds=context.settings.delivery_seconds)
    after = delivered(before)
    if error is not None:
        after = after_failure(before, error, utc_now(), give_up_after=give_up, progressed=claim.progressed)
    records, outgoing = _end(context, before, after)
    await outbox.expect(context, before.key, outgoing)
    if not await claim.end(after, *outgoing, *records):
        # It waits again, for somebody asked for it or there is one more event.
        return utc_now()
    count_delivery(after.target.value, after.state.value)
    if error is not None:
        log = _log.error if after.state is DeliveryState.FAILED else _log.warning
        log("session %s to %s, attempt %d: %s", before.key.session_id, before.target, after.attempts, error.message)
    await outbox.wake(context, before.key, outgoing)
    return after.next_attempt if after.state is DeliveryState.PENDING else None


def _end(context: Context, before: Delivery, after: Delivery) -> tuple[list[AuditRecord], list[Operation]]:
    """The audit record and the event of a session that was forwarded, or of a delivery that is given up.

    Events that were sent have a record only if the last one says that they were given up. What was delivered and could
    not be compared once more has none: it is as it was.
    """
    success, graph = after.state is DeliveryState.DELIVERED, after.target is Target.GRAPH
    told = (graph and after.last_error is None) or before.ended is DeliveryState.FAILED if success else True
    if after.state is DeliveryState.PENDING or not told:
        return [], []
    outcome = Outcome.SUCCESS if success else Outcome.REFUSED
    details: dict[str, str | int | None] = {
        "target": after.target.value,
        "attempts": after.attempts,
        "upstreamId": after.target_id,
    }
    record = new_record(Activity.DELIVER_SESSION, after.key, SERVICE, outcome, **details)
    event_type = EventType.DELIVERED if success else EventType.DELIVERY_FAILED
    if not graph:
        # There is nobody to tell that events cannot be sent.
        return [record], []
    return [record], outbox.event(context, event_type, after.key, details, after=after.pending_since)
