"""Deliveries of sessions to targets: their states, and when an attempt is made. Plain Python without I/O.

A delivery is stored in the transaction of the change that it is for, so that neither exists without the other.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shared.domain.sessions import SessionKey

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)

EARLY = timedelta(hours=2)
EARLY_PAUSE = timedelta(minutes=1)
"""The longest pause in the first two hours of a forwarding: an access review at Microsoft Graph waits no longer."""

CLAIM = timedelta(minutes=2)
"""How long a process may be silent about a delivery before another one takes it over."""

HOLD = CLAIM / 2
"""How long a process works on a delivery without hearing from storage; the other half is for clocks that differ."""


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

    ``failures`` is the number of attempts that failed since the last one that got further, and ``failing_since`` the
    time of the first of them, after which it is given up. ``ended`` says how it ended when it last did: asking for it
    again, or another event, does not change that. ``last_error`` is a sentence for people; ``target_id`` is the id of
    the target's session, if there is one. ``claimed_until`` is of rows of older versions, whose claims are in the row.
    """

    key: SessionKey
    target: Target
    state: DeliveryState
    pending_since: datetime
    next_attempt: datetime
    attempts: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    ended: DeliveryState | None = None
    last_error: str | None = None
    target_id: str | None = None
    claimed_until: datetime | None = None
    etag: str = ""


class StoredClaim(NamedTuple):
    """The right of an attempt to work on a delivery until a time."""

    key: SessionKey
    target: Target
    attempt_id: str
    until: datetime
    etag: str = ""


class DeliveryError(Exception):
    """An attempt that failed; the message is a sentence for people, without data of a request.

    ``final`` if another attempt cannot help; ``retry_after`` is the pause that the target asks for.
    """

    def __init__(self, message: str, *, final: bool = False, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.final = final
        self.retry_after = retry_after


def new_delivery(key: SessionKey, target: Target, now: datetime) -> Delivery:
    """A delivery that is to be tried at once."""
    return Delivery(key, target, DeliveryState.PENDING, now, now)


def is_due(delivery: Delivery, now: datetime) -> bool:
    """Whether it is time for an attempt. The first one is due at once, whatever the clock said of who asked for it."""
    return delivery.state is DeliveryState.PENDING and (not delivery.failures or delivery.next_attempt <= now)


def delivered(delivery: Delivery) -> Delivery:
    """The delivery when the target has all of it."""
    done = DeliveryState.DELIVERED
    return delivery._replace(
        state=done, ended=done, attempts=delivery.attempts + 1, failures=0, last_error=None, claimed_until=None
    )


def after_failure(
    delivery: Delivery, error: DeliveryError, now: datetime, *, give_up_after: timedelta, progressed: bool = False
) -> Delivery:
    """The delivery after an attempt that failed: tried again later, with pauses that double, or given up.

    ``progressed`` if the attempt has brought the target further. What has been forwarded once stays delivered.
    """
    failures = 0 if progressed else delivery.failures
    since = (delivery.failing_since or now) if failures else now
    forwarding = delivery.target is Target.GRAPH
    longest = EARLY_PAUSE if forwarding and now - since < EARLY else LONGEST_PAUSE
    pause = min(longest, FIRST_PAUSE * 2 ** min(failures, 16))
    after = delivery._replace(
        attempts=delivery.attempts + 1,
        failures=failures + 1,
        failing_since=since,
        last_error=error.message,
        next_attempt=now + max(pause, error.retry_after or pause),
        claimed_until=None,
    )
    if not error.final and now - since < give_up_after:
        return after
    arrived = forwarding and delivery.ended is DeliveryState.DELIVERED
    end = DeliveryState.DELIVERED if arrived else DeliveryState.FAILED
    return after._replace(state=end, ended=end)


def renewed(delivery: Delivery, now: datetime) -> Delivery:
    """The delivery when somebody asks for another attempt."""
    return delivery._replace(state=DeliveryState.PENDING, pending_since=now, next_attempt=now, attempts=0, failures=0)
