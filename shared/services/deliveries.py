"""Delivers what waits in the outbox: forwards complete sessions to Microsoft Graph, and sends events.

One attempt at a time claims a delivery, by a conditional write that it renews while it works. Every step can be
repeated: after a process that died, another attempt first reads what the target has.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from azure.core.exceptions import AzureError

from shared.core.errors import DELIVERY_NOT_FOUND, GraphError
from shared.core.ids import new_id, utc_now
from shared.core.settings import Settings, settings
from shared.domain.audit import SERVICE, Activity, Actor, AuditRecord, Outcome, new_record
from shared.domain.deliveries import (
    CLAIM,
    Delivery,
    DeliveryError,
    DeliveryState,
    Target,
    after_failure,
    claimed,
    delivered,
    is_due,
    look_again_at,
    new_delivery,
    released,
    tried_anew,
)
from shared.domain.events import Event, EventType
from shared.domain.lifecycle import SessionKey, Status
from shared.services.delivery_targets import Held, forward_session, send_events
from shared.services.outbox import Outbox, completion_data
from shared.services.retries import attempts, pause, too_busy
from shared.services.sessions import Sessions
from shared.storage.account import Storage, storage
from shared.storage.delivery_table import DueDelivery, put_delivery, put_event
from shared.storage.table import Operation
from shared.storage.table_calls import ConcurrentChangeError
from shared.telemetry.instruments import DELIVERIES_AGE, count_delivery

# One run of the timer wakes at most so many sessions, and looks at one of them again after this time.
SWEEP_SESSIONS = 1000
LOOK_AGAIN = timedelta(minutes=5)

# The timer comes a little later than the message, which is the usual way.
_TIMER_LATER = timedelta(seconds=30)

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
        return await self._table.deliveries(key) if self._config.hands_on else []

    async def deliver(self, key: SessionKey) -> None:
        """Make an attempt at each delivery of a session that is due, and have the session looked at again if needed."""
        waiting = [each for each in await self._table.deliveries(key) if self._has_target(each.target)]
        after = await asyncio.gather(*(self._attempt(each) for each in waiting if is_due(each, utc_now())))
        pending = [each for each in after if each is not None and each.state is DeliveryState.PENDING]
        if pending:
            again = min(map(look_again_at, pending))
            await self._table.expect(DueDelivery(again + _TIMER_LATER, key))
            await self._store.queue.wake(key, again - utc_now())

    async def sweep(self) -> int:
        """Wake the sessions whose message was lost; returns how many. Without any, it costs one query."""
        woken = 0
        now = oldest = utc_now()
        async for entry in self._table.due(utc_now()):
            waiting = [
                each
                for each in await self._table.deliveries(entry.key)
                if each.state is DeliveryState.PENDING and self._has_target(each.target)
            ]
            if waiting:
                again = max(utc_now() + LOOK_AGAIN, min(map(look_again_at, waiting)))
                await self._table.expect(DueDelivery(again, entry.key))
                await self._store.queue.wake(entry.key)
                woken += 1
                oldest = min(oldest, *(each.pending_since for each in waiting))
            await self._table.forget(entry)
            if woken >= SWEEP_SESSIONS:
                break
        DELIVERIES_AGE.set((now - oldest).total_seconds())
        return woken

    async def redeliver(self, key: SessionKey, target: Target, actor: Actor) -> Delivery:
        """Have a session delivered again now, whatever came of earlier attempts.

        For events, its completion is sent once more. A session that was completed before the settings named the target
        is delivered as well.

        Raises:
            GraphError: 404 if there is no such session, or nothing to deliver to this target.
        """
        snapshot = await Sessions(self._store, self._config, actor).snapshot(key)
        complete = snapshot.session.status is Status.COMPLETE
        record = new_record(Activity.REDELIVER_SESSION, key, actor, target=target.value)
        for _ in attempts():
            now = utc_now()
            found = next((each for each in await self.of_session(key) if each.target is target), None)
            if not self._has_target(target) or (found is None and not complete):
                raise GraphError(
                    DELIVERY_NOT_FOUND,
                    f"This upload session has no delivery to '{target}'. A complete session has one if the service is "
                    f"configured with {'UPLOADS_FORWARD_URL' if target is Target.GRAPH else 'UPLOADS_EVENTS_URL'}.",
                )
            again: list[Operation] = []
            if target is Target.EVENTS and complete:
                data = completion_data(snapshot.session, snapshot.files)
                again = [put_event(Event(new_id(now), EventType.COMPLETED, key, data))]
            await self._table.expect(DueDelivery(now, key))
            try:
                if found is None:
                    anew = new_delivery(key, target, now)
                    await self._table.put([put_delivery(anew), *again], record)
                else:
                    anew = await self._table.update(tried_anew(found, now), *again, record=record)
            except ConcurrentChangeError:
                await pause()
                continue
            await self._outbox.wake(key, [put_delivery(anew)])
            return anew
        raise too_busy()

    def _has_target(self, target: Target) -> bool:
        return (self._config.forward_url if target is Target.GRAPH else self._config.events_url) is not None

    async def _attempt(self, delivery: Delivery) -> Delivery | None:
        """One attempt; returns the delivery as it is then, or ``None`` if another attempt works on it."""
        held = await self._claim(delivery)
        if held is None:
            return None
        attempt = forward_session if delivery.target is Target.GRAPH else send_events
        error = None
        try:
            # The host would end the worker process at its own limit, and all other requests in it.
            async with self._renewed(held), asyncio.timeout(self._config.max_upload_seconds):
                await attempt(self._store, self._config, held)
        except ConcurrentChangeError:
            # There is something more to deliver now, or another attempt took over.
            return await self._release(held.delivery)
        except DeliveryError as failure:
            error = failure
        except TimeoutError:
            error = DeliveryError(
                f"The attempt took longer than {self._config.max_upload_seconds} seconds "
                "(UPLOADS_MAX_UPLOAD_SECONDS). The next one continues with the files that are missing."
            )
        except AzureError as failure:
            error = DeliveryError(f"This service's own storage failed ({type(failure).__name__}).")
        return await self._settle(held.delivery, error)

    async def _claim(self, delivery: Delivery) -> Held | None:
        wanted = claimed(delivery, new_id(utc_now()), utc_now())
        try:
            return Held(self._table, await self._table.update(wanted))
        except ConcurrentChangeError:
            # The SDK repeats a call whose answer was lost: the claim may be this attempt's own.
            found = await self._current(delivery)
            return Held(self._table, found) if found is not None and found.claimed_by == wanted.claimed_by else None

    @asynccontextmanager
    async def _renewed(self, held: Held) -> AsyncIterator[None]:
        """Renew a claim while an attempt works."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(CLAIM.total_seconds() / 3)
                await held.renew()

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError, ConcurrentChangeError, AzureError):
                await renewing

    async def _settle(self, before: Delivery, error: DeliveryError | None) -> Delivery | None:
        """Store the result of an attempt. The end of a forwarding is also an audit record and an event."""
        give_up = timedelta(seconds=self._config.delivery_seconds)
        after = delivered(before) if error is None else after_failure(before, error, utc_now(), give_up_after=give_up)
        count_delivery(after.target.value, after.state.value)
        if error is not None:
            log = _log.error if after.state is DeliveryState.FAILED else _log.warning
            log("session %s to %s, attempt %d: %s", before.key.session_id, before.target, after.attempts, error.message)
        record, told = self._end_of_forwarding(after)
        await self._outbox.expect(before.key, told)
        try:
            stored: Delivery | None = await self._table.update(after, *told, record=record)
        except ConcurrentChangeError:
            stored = await self._release(before)
        await self._outbox.wake(before.key, told)
        return stored

    def _end_of_forwarding(self, after: Delivery) -> tuple[AuditRecord | None, list[Operation]]:
        if after.target is not Target.GRAPH or after.state is DeliveryState.PENDING:
            return None, []
        success = after.state is DeliveryState.DELIVERED
        outcome = Outcome.SUCCESS if success else Outcome.REFUSED
        details: dict[str, str | int | None] = {
            "target": after.target.value,
            "attempts": after.attempts,
            "upstreamId": after.upstream_id,
        }
        record = new_record(Activity.DELIVER_SESSION, after.key, SERVICE, outcome, **details)
        event_type = EventType.DELIVERED if success else EventType.DELIVERY_FAILED
        return record, self._outbox.event(event_type, after.key, details)

    async def _release(self, held: Delivery) -> Delivery | None:
        """Release a delivery that changed during the attempt, if the attempt still holds it."""
        changed = await self._current(held)
        if changed is None or changed.claimed_by != held.claimed_by:
            return None
        try:
            return await self._table.update(released(changed))
        except ConcurrentChangeError:
            return None

    async def _current(self, delivery: Delivery) -> Delivery | None:
        found = await self._table.deliveries(delivery.key)
        return next((each for each in found if each.target is delivery.target), None)


async def deliveries() -> Deliveries:
    """The deliveries of the configured storage account.

    Raises:
        AzureError: storage does not answer; the next call tries again.
    """
    return Deliveries(await storage(), settings())
