"""The rows of deliveries, of claims on them, and of events that wait to be sent.

They are rows of their resource's partition in the table of sessions, so that they are written in the transaction of the
change that they tell of.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from azure.data.tables import UpdateMode

from shared.domain.audit import AuditRecord
from shared.domain.deliveries import Delivery, DeliveryState, StoredClaim, Target
from shared.domain.events import Event, EventType
from shared.domain.sessions import SessionKey
from shared.storage.audit_log import AuditLog
from shared.storage.azure.table import Operation, Table, delete_unchanged_row, etag_of, instant, replace_row
from shared.storage.resource_partition.rows import partition


def put_delivery(delivery: Delivery) -> Operation:
    """Store that a delivery waits; one that is there already waits again, and keeps what is known of its target."""
    entity = _delivery_entity(delivery)
    kept = ("PartitionKey", "RowKey", "State", "NextAttempt", "PendingSince", "Failures")
    return "upsert", {name: entity[name] for name in kept}, {"mode": UpdateMode.MERGE}


def put_event(event: Event) -> Operation:
    """Store an event that waits to be sent; storing it again changes nothing."""
    entity = {
        "PartitionKey": partition(event.key.resource),
        "RowKey": _event_row(event),
        "Type": event.type.value,
        "Data": json.dumps(event.data, ensure_ascii=False),
    }
    return "upsert", entity, {"mode": UpdateMode.REPLACE}


def drop_claim(claim: StoredClaim) -> Operation:
    """Let go of a delivery, in the transaction that stores what became of it."""
    return delete_unchanged_row(_claim_key(claim), claim.etag)


class DeliveryTable:
    """The deliveries of an account."""

    def __init__(self, sessions: Table, log: AuditLog) -> None:
        self._rows = sessions
        self._audit = log

    async def deliveries(self, key: SessionKey) -> list[Delivery]:
        """A session's deliveries, one for each target."""
        return [_delivery(key, row) async for row in self._range(key, "delivery")]

    async def delivery(self, key: SessionKey, target: Target) -> Delivery | None:
        """A session's delivery to one target, by a point read."""
        row = await self._rows.get(partition(key.resource), _delivery_row(key, target))
        return None if row is None else _delivery(key, row)

    async def events(self, key: SessionKey) -> list[Event]:
        """A session's events that wait to be sent, in the order in which they happened."""
        return [_event(key, row) async for row in self._range(key, "event")]

    async def put(self, *changes: Operation | AuditRecord) -> None:
        """Store deliveries and events of one session that do not go with a change of it, all or none.

        Raises:
            ConcurrentChangeError: one of them is there already.
        """
        await self._audit.submit(changes)

    async def update(self, delivery: Delivery, *changes: Operation | AuditRecord) -> Delivery:
        """Store a delivery's new state and ``changes``, all or none.

        Raises:
            ConcurrentChangeError: it changed since it was read.
        """
        answers = await self._audit.submit([replace_row(_delivery_entity(delivery), delivery.etag), *changes])
        return delivery._replace(etag=answers[0]["etag"])

    async def claim(self, key: SessionKey, target: Target) -> StoredClaim | None:
        """The claim on a delivery, if there is one."""
        row = await self._rows.get(partition(key.resource), _claim_row(key, target))
        if row is None:
            return None
        return StoredClaim(key, target, row["AttemptId"], instant(row["Until"]), etag_of(row))

    async def put_claim(self, claim: StoredClaim) -> StoredClaim:
        """Store a claim: a new one if it has no ETag.

        Raises:
            ConcurrentChangeError: there is one, or it has changed.
        """
        entity = _claim_key(claim) | {"AttemptId": claim.attempt_id, "Until": claim.until}
        answers = await self._audit.submit([replace_row(entity, claim.etag or None)])
        return claim._replace(etag=answers[0]["etag"])

    async def remove_claim(self, claim: StoredClaim) -> None:
        """Remove a claim.

        Raises:
            ConcurrentChangeError: it has changed, or is gone.
        """
        await self._audit.submit([drop_claim(claim)])

    async def remove_event(self, event: Event) -> None:
        """Remove an event that was sent; one that is gone already is no error."""
        await self._rows.delete(partition(event.key.resource), _event_row(event))

    def _range(self, key: SessionKey, kind: str) -> AsyncIterator[Mapping[str, Any]]:
        first = f"{kind}:{key.session_id}"
        return self._rows.query(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @end",
            {"partition": partition(key.resource), "first": f"{first}:", "end": f"{first};"},
        )


def _delivery_row(key: SessionKey, target: Target) -> str:
    return f"delivery:{key.session_id}:{target}"


def _delivery_entity(delivery: Delivery) -> dict[str, Any]:
    entity = {
        "PartitionKey": partition(delivery.key.resource),
        "RowKey": _delivery_row(delivery.key, delivery.target),
        "State": delivery.state.value,
        "PendingSince": delivery.pending_since,
        "NextAttempt": delivery.next_attempt,
        "Attempts": delivery.attempts,
        "Failures": delivery.failures,
        "LastError": delivery.last_error,
        "UpstreamId": delivery.target_id,
        "ClaimedUntil": delivery.claimed_until,
        "FailingSince": delivery.failing_since,
        "Ended": None if delivery.ended is None else delivery.ended.value,
    }
    return {name: value for name, value in entity.items() if value is not None}


def _delivery(key: SessionKey, row: Mapping[str, Any]) -> Delivery:
    state = DeliveryState(row["State"])
    # Rows of older versions have no word for how it ended but their state.
    ended = DeliveryState(row.get("Ended", state))
    return Delivery(
        key=key,
        target=Target(row["RowKey"].rsplit(":", 1)[1]),
        state=state,
        pending_since=instant(row["PendingSince"]),
        next_attempt=instant(row["NextAttempt"]),
        attempts=row.get("Attempts", 0),
        failures=row.get("Failures", 0),
        failing_since=_instant(row.get("FailingSince")),
        ended=None if ended is DeliveryState.PENDING else ended,
        last_error=row.get("LastError"),
        target_id=row.get("UpstreamId"),
        claimed_until=_instant(row.get("ClaimedUntil")),
        etag=etag_of(row),
    )


def _claim_row(key: SessionKey, target: Target) -> str:
    return f"claim:{key.session_id}:{target}"


def _claim_key(claim: StoredClaim) -> dict[str, Any]:
    return {"PartitionKey": partition(claim.key.resource), "RowKey": _claim_row(claim.key, claim.target)}


def _instant(value: datetime | None) -> datetime | None:
    return None if value is None else instant(value)


def _event_row(event: Event) -> str:
    return f"event:{event.key.session_id}:{event.id}"


def _event(key: SessionKey, row: Mapping[str, Any]) -> Event:
    return Event(row["RowKey"].rsplit(":", 1)[1], EventType(row["Type"]), key, json.loads(row["Data"]))
