"""Deliveries of sessions to targets: their states, and when an attempt is made. Plain Python without I/O.

A delivery is stored in the transaction of the change that it is for, so that neither exists without the other.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shared.domain.sessions import SessionKey

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
URGENT_PAUSE = timedelta(seconds=30)
"""The longest pause while the target's own session is about to expire."""

CLAIM = timedelta(minutes=2)
"""How long a process may be silent about a delivery before another one takes it over."""


class Target(StrEnum):
    """Where a delivery goes; the value is the word on the wire."""

    GRAPH = "graph"
    EVENTS = "events"


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(NamedTuple):
    """One session's delivery to one target.

    ``pending_since`` is the start of the time after which it is given up; ``failures`` is the number of attempts that
    failed since the last one that did not; ``last_error`` is a sentence for people; ``target_id`` is the id of the
    target's session, if there is one. While a process works on it, ``claimed_by`` is the id of the attempt and
    ``claimed_until`` the time at which another process may take over.
    """

    key: SessionKey
    target: Target
    state: DeliveryState
    pending_since: datetime
    next_attempt: datetime
    attempts: int = 0
    failures: int = 0
    last_error: str | None = None
    target_id: str | None = None
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    etag: str = ""


class DeliveryError(Exception):
    """An attempt that failed; the message is a sentence for people, without data of a request.

    ``final`` if another attempt cannot help; ``retry_after`` is the pause that the target asks for; ``urgent`` if the
    target's session expires soon.
    """

    def __init__(
        self, message: str, *, final: bool = False, retry_after: timedelta | None = None, urgent: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.final = final
        self.retry_after = retry_after
        self.urgent = urgent


def new_delivery(key: SessionKey, target: Target, now: datetime) -> Delivery:
    """A delivery that is to be tried at once."""
    return Delivery(key, target, DeliveryState.PENDING, now, now)


def is_due(delivery: Delivery, now: datetime) -> bool:
    """Whether a process may take the delivery now."""
    free = delivery.claimed_until is None or delivery.claimed_until <= now
    return delivery.state is DeliveryState.PENDING and delivery.next_attempt <= now and free


def look_again_at(delivery: Delivery) -> datetime:
    """When the delivery has to be looked at again if nothing is heard of it."""
    return max(delivery.next_attempt, delivery.claimed_until or delivery.next_attempt)


def claimed(delivery: Delivery, attempt_id: str, now: datetime) -> Delivery:
    """The delivery while an attempt works on it."""
    return delivery._replace(claimed_by=attempt_id, claimed_until=now + CLAIM)


def released(delivery: Delivery) -> Delivery:
    """The delivery when no attempt works on it any more."""
    return delivery._replace(claimed_by=None, claimed_until=None)


def delivered(delivery: Delivery) -> Delivery:
    """The delivery when the target has all of it."""
    attempts = delivery.attempts + 1
    return released(delivery)._replace(state=DeliveryState.DELIVERED, attempts=attempts, failures=0, last_error=None)


def after_failure(delivery: Delivery, error: DeliveryError, now: datetime, *, give_up_after: timedelta) -> Delivery:
    """The delivery after an attempt that failed: tried again later, with pauses that double, or given up."""
    given_up = error.final or now - delivery.pending_since >= give_up_after
    longest = URGENT_PAUSE if error.urgent else LONGEST_PAUSE
    pause = min(longest, FIRST_PAUSE * 2 ** min(delivery.failures, 16))
    return released(delivery)._replace(
        state=DeliveryState.FAILED if given_up else DeliveryState.PENDING,
        attempts=delivery.attempts + 1,
        failures=delivery.failures + 1,
        last_error=error.message,
        next_attempt=now + max(pause, error.retry_after or pause),
    )


def renewed(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery when somebody asks for another attempt; an attempt that is in progress keeps its claim."""
    return delivery._replace(state=DeliveryState.PENDING, pending_since=now, next_attempt=now, attempts=0, failures=0)
