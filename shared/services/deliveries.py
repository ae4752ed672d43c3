"""Delivers what waits in the outbox: forwards complete sessions to Microsoft Graph, and sends events.

One attempt at a time claims a delivery, by a conditional write that it renews while it works. Every step can be
repeated: after a process that died, another attempt first reads what the target has.
"""

import asyncio
import logging
import traceback
from datetime import datetime, timedelta
from functools import partial

from azure.core.exceptions import AzureError

from shared.core.errors import DELIVERY_NOT_FOUND, GraphError
from shared.core.ids import new_id, utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import SERVICE, Activity, Actor, AuditRecord, Outcome, new_record
from shared.domain.deliveries import (
    Delivery,
    DeliveryError,
    DeliveryState,
    Target,
    after_failure,
    delivered,
    is_due,
    look_again_at,
    new_delivery,
    tried_anew,
)
from shared.domain.events import Event, EventType
from shared.domain.sessions import SessionKey, Status
from shared.services.claims import Claim
from shared.services.delivery_targets import forward_session, send_events
from shared.services.outbox import Outbox, completion_data
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions
from shared.storage.account import Storage, storage
from shared.storage.delivery_table import put_delivery, put_event
from shared.storage.table import NewerFormatError, Operation
from shared.storage.table_calls import ConcurrentChangeError
from shared.storage.time_index import DueSession, due_session
from shared.telemetry.instruments import DELIVERIES_AGE, count_delivery

# One run of the timer wakes at most so many sessions, and looks at one of them again after this time.
SWEEP_SESSIONS = 1000
LOOK_AGAIN = timedelta(minutes=5)

# The timer comes a little later than the message, which is the usual way.
_TIMER_LATER = timedelta(seconds=30)

# When the timer looks again at what waits for a target that the settings do not name any more.
_UNCONFIGURED = timedelta(days=1)

_log = logging.getLogger("uploads.deliveries")


class Deliveries:
    """The deliveries of an account."""

    def __init__(self, store: Storage, config: Settings) -> None:
        self._store = store
        self._table = store.deliveries
        self._config = config
        self._outbox = Outbox(store, config)

    async def of_session(self, key: SessionKey) -> list[Delivery]:
        """A session's deliveries; none, without a call, if the settings name no target."""
        return await self._table.deliveries(key) if self._config.has_targets else []

    async def deliver(self, key: SessionKey) -> None:
        """Make an attempt at each delivery of a session that is due, and have the session looked at again if needed.

        Raises:
            AzureError: storage failed; another message or the timer has the session looked at again.
        """
        waiting = [each for each in await self._table.deliveries(key) if self._has_target(each.target)]
        due = [self._attempt(each) for each in waiting if is_due(each, utc_now())]
        after = await asyncio.gather(*due, return_exceptions=True)
        pending = [each for each in after if isinstance(each, Delivery) and each.state is DeliveryState.PENDING]
        if pending:
            again = min(map(look_again_at, pending))
            await self._store.outbox.put(DueSession(again + _TIMER_LATER, key))
            await self._store.queue.wake(key, again - utc_now())
        for each in after:
            if isinstance(each, BaseException):
                raise each

    async def sweep(self) -> int:
        """Wake the sessions whose message was lost; returns how many. Without any, it costs one query.

        Raises:
            AzureError: storage failed; the next run of the timer continues.
        """
        woken: set[SessionKey] = set()
        now = oldest = utc_now()
        async for row in self._store.outbox.due(now):
            try:
                oldest = min(oldest, await self._look_at(due_session(row), woken))
            except (NewerFormatError, LookupError, ValueError, TypeError, AttributeError) as error:
                # It must not stop the other sessions.
                _log.warning("a delivery could not be looked at: %s", type(error).__name__)
            if len(woken) >= SWEEP_SESSIONS:
                break
        DELIVERIES_AGE.set((now - oldest).total_seconds())
        return len(woken)

    async def _look_at(self, entry: DueSession, woken: set[SessionKey]) -> datetime:
        """Wake a session that is due, and write when to look at it again before its index row is removed.

        Returns since when it waits; now if it does not.
        """
        pending = [each for each in await self._table.deliveries(entry.key) if each.state is DeliveryState.PENDING]
        configured = [each for each in pending if self._has_target(each.target)]
        now = utc_now()
        if pending and entry.key not in woken:
            again = min(map(look_again_at, configured), default=now + _UNCONFIGURED)
            if again <= now:
                await self._store.queue.wake(entry.key)
                woken.add(entry.key)
                again = now + LOOK_AGAIN
            # The same row as that of the attempt before, so that there is one for each session.
            await self._store.outbox.put(DueSession(again + _TIMER_LATER, entry.key))
        await self._store.outbox.remove(entry)
        return min((each.pending_since for each in configured), default=now)

    async def redeliver(self, key: SessionKey, target: Target, actor: Actor) -> Delivery:
        """Have a session delivered again now, whatever came of earlier attempts.

        For events, its completion is sent once more. A session that was completed before the settings named the target
        is delivered as well.

        Raises:
            GraphError: 404 if there is no such session, or nothing to deliver to this target.
        """
        snapshot = await Sessions(self._store, self._config, actor).snapshot(key)
        complete = snapshot.session.status is Status.COMPLETE and snapshot.session.files_removed is None
        graph = target is Target.GRAPH
        allowed = await self._outbox.forwards(key.resource) if graph else self._has_target(target)
        record = new_record(Activity.REDELIVER_SESSION, key, actor, target=target.value)
        for _ in attempts():
            now = utc_now()
            found = await self._table.delivery(key, target)
            told = target is Target.EVENTS and found is not None and found.state is DeliveryState.DELIVERED
            if not allowed or (not complete and (found is None or told)):
                raise _nothing_to_deliver(target)
            again: list[Operation] = []
            if target is Target.EVENTS and complete:
                data = completion_data(snapshot.session, snapshot.files)
                again = [put_event(Event(new_id(now), EventType.COMPLETED, key, data))]
            anew = new_delivery(key, target, now) if found is None else tried_anew(found, now)
            operations = [put_delivery(anew), *again]
            await self._outbox.expect(key, operations)
            try:
                if found is None:
                    await self._table.put(operations, record)
                else:
                    await self._table.update(anew, *again, record=record)
            except ConcurrentChangeError:
                if not await self._store.audit.has(record):
                    await pause()
                    continue
            await self._outbox.wake(key, operations)
            return anew
        raise too_busy()

    def _has_target(self, target: Target) -> bool:
        return (self._config.forward_url if target is Target.GRAPH else self._config.events_url) is not None

    async def _attempt(self, delivery: Delivery) -> Delivery | None:
        """One attempt; returns the delivery as it is then, or ``None`` if another attempt works on it."""
        claim = await Claim.take(self._table, delivery)
        if claim is None:
            return None
        attempt = forward_session if delivery.target is Target.GRAPH else send_events
        error = None
        try:
            # The host would end the worker process at its own limit, and all other requests in it.
            await claim.hold(partial(attempt, self._store, self._config), self._config.max_upload_seconds)
        except ConcurrentChangeError:
            # There is something more to deliver now, or another attempt took over.
            return await claim.release()
        except DeliveryError as failure:
            error = failure
        except TimeoutError:
            error = DeliveryError(
                f"The attempt took longer than {self._config.max_upload_seconds} seconds "
                "(UPLOADS_MAX_UPLOAD_SECONDS). The next one continues with the files that are missing."
            )
        except AzureError as failure:
            error = DeliveryError(f"This service's own storage failed ({type(failure).__name__}).")
        except Exception as failure:  # noqa: BLE001  # whatever it is, the attempt counts, and ends
            frames = "".join(traceback.format_tb(failure.__traceback__))
            _log.error("unexpected exception: %s\n%s", type(failure).__name__, frames)
            error = DeliveryError(f"The attempt failed unexpectedly ({type(failure).__name__}).")
        return await self._settle(claim, error)

    async def _settle(self, claim: Claim, error: DeliveryError | None) -> Delivery | None:
        """Store the result of an attempt. Its end, for better or worse, is also an audit record and an event."""
        before, give_up = claim.delivery, timedelta(seconds=self._config.delivery_seconds)
        after = delivered(before) if error is None else after_failure(before, error, utc_now(), give_up_after=give_up)
        count_delivery(after.target.value, after.state.value)
        if error is not None:
            log = _log.error if after.state is DeliveryState.FAILED else _log.warning
            log("session %s to %s, attempt %d: %s", before.key.session_id, before.target, after.attempts, error.message)
        record, outgoing = self._end(after)
        await self._outbox.expect(before.key, outgoing)
        stored = await claim.end(after, *outgoing, record=record)
        await self._outbox.wake(before.key, outgoing)
        return stored

    def _end(self, after: Delivery) -> tuple[AuditRecord | None, list[Operation]]:
        """The audit record and the event of a session that was forwarded, or of a delivery that is given up."""
        success, graph = after.state is DeliveryState.DELIVERED, after.target is Target.GRAPH
        if after.state is DeliveryState.PENDING or (success and not graph):
            return None, []
        outcome = Outcome.SUCCESS if success else Outcome.REFUSED
        details: dict[str, str | int | None] = {
            "target": after.target.value,
            "attempts": after.attempts,
            "upstreamId": after.upstream_id,
        }
        record = new_record(Activity.DELIVER_SESSION, after.key, SERVICE, outcome, **details)
        event_type = EventType.DELIVERED if success else EventType.DELIVERY_FAILED
        # There is nobody to tell that events cannot be sent.
        return record, self._outbox.event(event_type, after.key, details) if graph else []


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


def deliveries() -> Deliveries:
    """The deliveries of the configured storage account."""
    return Deliveries(storage(), settings())
