"""Hands on what waits in the outbox: forwards complete sessions to Microsoft Graph, and sends events.

One attempt at a time claims a delivery, by a conditional write that it renews while it works. Every step can be
repeated: after a process that died, another attempt first reads what the target has.
"""

import asyncio
import logging
import traceback
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
    look_again_at,
)
from shared.domain.events import EventType
from shared.domain.sessions import SessionKey
from shared.services.context import Context
from shared.services.deliveries.claims import Claim
from shared.services.deliveries.targets import forward_session, send_events
from shared.services.sessions import outbox
from shared.storage.audit_log import ConcurrentChangeError
from shared.storage.azure.table import NewerFormatError, Operation
from shared.storage.indexes.due_sessions import DueSession, due_session
from shared.telemetry.instruments import DELIVERIES_AGE, count_delivery

# One run of the timer wakes at most so many sessions, and looks at one of them again after this time.
SWEEP_SESSIONS = 1000
LOOK_AGAIN = timedelta(minutes=5)

# The timer comes a little later than the message, which is the usual way.
_TIMER_LATER = timedelta(seconds=30)

# When the timer looks again at what waits for a target that the settings do not name any more.
_UNCONFIGURED = timedelta(days=1)

_log = logging.getLogger("uploads.deliveries")


async def deliveries_of(context: Context, key: SessionKey) -> list[Delivery]:
    """A session's deliveries; none, without a call, if the settings name no target."""
    return await context.storage.deliveries.deliveries(key) if context.settings.has_targets else []


async def deliver_due(context: Context, key: SessionKey) -> None:
    """Make an attempt at each delivery of a session that is due, and have the session looked at again if needed.

    Raises:
        AzureError: storage failed; another message or the timer has the session looked at again.
    """
    waiting = [each for each in await context.storage.deliveries.deliveries(key) if has_target(context, each.target)]
    due = [_attempt(context, each) for each in waiting if is_due(each, utc_now())]
    after = await asyncio.gather(*due, return_exceptions=True)
    pending = [each for each in after if isinstance(each, Delivery) and each.state is DeliveryState.PENDING]
    if pending:
        again = min(map(look_again_at, pending))
        await context.storage.due_deliveries.put(DueSession(again + _TIMER_LATER, key))
        await context.storage.queue.wake(key, again - utc_now())
    for each in after:
        if isinstance(each, BaseException):
            raise each


async def wake_due(context: Context) -> int:
    """Wake the sessions whose message was lost; returns how many. Without any, it costs one query.

    Raises:
        AzureError: storage failed; the next run of the timer continues.
    """
    woken: set[SessionKey] = set()
    now = oldest = utc_now()
    async for row in context.storage.due_deliveries.due(now):
        try:
            oldest = min(oldest, await _look_at(context, due_session(row), woken))
        except (NewerFormatError, LookupError, ValueError, TypeError, AttributeError) as error:
            # It must not stop the other sessions.
            _log.warning("a delivery could not be looked at: %s", type(error).__name__)
        if len(woken) >= SWEEP_SESSIONS:
            break
    DELIVERIES_AGE.set((now - oldest).total_seconds())
    return len(woken)


async def _look_at(context: Context, entry: DueSession, woken: set[SessionKey]) -> datetime:
    """Wake a session that is due, and write when to look at it again before its index row is removed.

    Returns since when it waits; now if it does not.
    """
    pending = [
        each for each in await context.storage.deliveries.deliveries(entry.key) if each.state is DeliveryState.PENDING
    ]
    configured = [each for each in pending if has_target(context, each.target)]
    now = utc_now()
    if pending and entry.key not in woken:
        again = min(map(look_again_at, configured), default=now + _UNCONFIGURED)
        if again <= now:
            await context.storage.queue.wake(entry.key)
            woken.add(entry.key)
            again = now + LOOK_AGAIN
        # The same row as that of the attempt before, so that there is one for each session.
        await context.storage.due_deliveries.put(DueSession(again + _TIMER_LATER, entry.key))
    await context.storage.due_deliveries.remove(entry)
    return min((each.pending_since for each in configured), default=now)


def has_target(context: Context, target: Target) -> bool:
    """Whether the settings name a target of this kind."""
    return (context.settings.forward_url if target is Target.GRAPH else context.settings.events_url) is not None


async def _attempt(context: Context, delivery: Delivery) -> Delivery | None:
    """One attempt; returns the delivery as it is then, or ``None`` if another attempt works on it."""
    claim = await Claim.take(context.storage.deliveries, delivery)
    if claim is None:
        return None
    attempt = forward_session if delivery.target is Target.GRAPH else send_events
    error = None
    try:
        # The host would end the worker process at its own limit, and all other requests in it.
        await claim.hold(partial(attempt, context), context.settings.max_upload_seconds)
    except ConcurrentChangeError:
        # There is something more to deliver now, or another attempt took over.
        return await claim.release()
    except DeliveryError as failure:
        error = failure
    except TimeoutError:
        error = DeliveryError(
            f"The attempt took longer than {context.settings.max_upload_seconds} seconds "
            "(UPLOADS_MAX_UPLOAD_SECONDS). The next one continues with the files that are missing."
        )
    except AzureError as failure:
        error = DeliveryError(f"This service's own storage failed ({type(failure).__name__}).")
    except Exception as failure:  # noqa: BLE001  # whatever it is, the attempt counts, and ends
        frames = "".join(traceback.format_tb(failure.__traceback__))
        _log.error("unexpected exception: %s\n%s", type(failure).__name__, frames)
        error = DeliveryError(f"The attempt failed unexpectedly ({type(failure).__name__}).")
    return await _settle(context, claim, error)


async def _settle(context: Context, claim: Claim, error: DeliveryError | None) -> Delivery | None:
    """Store the result of an attempt. Its end, for better or worse, is also an audit record and an event."""
    before, give_up = claim.delivery, timedelta(seconds=context.settings.delivery_seconds)
    after = delivered(before) if error is None else after_failure(before, error, utc_now(), give_up_after=give_up)
    count_delivery(after.target.value, after.state.value)
    if error is not None:
        log = _log.error if after.state is DeliveryState.FAILED else _log.warning
        log("session %s to %s, attempt %d: %s", before.key.session_id, before.target, after.attempts, error.message)
    records, outgoing = _end(context, after)
    await outbox.expect(context, before.key, outgoing)
    stored = await claim.end(after, *outgoing, *records)
    await outbox.wake(context, before.key, outgoing)
    return stored


def _end(context: Context, after: Delivery) -> tuple[list[AuditRecord], list[Operation]]:
    """The audit record and the event of a session that was forwarded, or of a delivery that is given up."""
    success, graph = after.state is DeliveryState.DELIVERED, after.target is Target.GRAPH
    if after.state is DeliveryState.PENDING or (success and not graph):
        return [], []
    outcome = Outcome.SUCCESS if success else Outcome.REFUSED
    details: dict[str, str | int | None] = {
        "target": after.target.value,
        "attempts": after.attempts,
        "upstreamId": after.target_id,
    }
    record = new_record(Activity.DELIVER_SESSION, after.key, SERVICE, outcome, **details)
    event_type = EventType.DELIVERED if success else EventType.DELIVERY_FAILED
    # There is nobody to tell that events cannot be sent.
    return [record], outbox.event(context, event_type, after.key, details) if graph else []
