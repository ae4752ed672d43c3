"""When a delivery is tried, tried again, and given up."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from shared.domain.deliveries import (
    CLAIM,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    DeliveryError,
    DeliveryState,
    Target,
    after_failure,
    claimed,
    delivered,
    is_due,
    look_again_at,
    new_delivery,
    renewed,
)
from shared.domain.sessions import ResourceKey, SessionKey

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
WAITING = new_delivery(SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4())), Target.GRAPH, NOW)
FAULT = DeliveryError("The target is away.")


def test_a_new_delivery_is_due_at_once_and_to_one_process_at_a_time() -> None:
    assert is_due(WAITING, NOW)
    taken = claimed(WAITING, "attempt", NOW)
    assert not is_due(taken, NOW + CLAIM / 2)
    assert is_due(taken, NOW + CLAIM)
    assert look_again_at(taken) == NOW + CLAIM


def test_pauses_double_up_to_the_longest_and_end_when_it_is_given_up() -> None:
    delivery, now, pauses = WAITING, NOW, []
    while delivery.state is DeliveryState.PENDING:
        delivery = after_failure(delivery, FAULT, now, give_up_after=DAY)
        pauses.append(delivery.next_attempt - now)
        now = delivery.next_attempt
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert max(pauses) == LONGEST_PAUSE
    assert delivery.state is DeliveryState.FAILED
    assert now - NOW >= DAY
    # What a day's absence of the target costs: about a hundred attempts.
    assert len(pauses) == delivery.attempts <= 110


def test_pauses_begin_anew_after_a_success() -> None:
    delivery = WAITING
    for _ in range(10):
        delivery = delivered(claimed(delivery, "attempt", NOW))
    failed = after_failure(delivery, FAULT, NOW, give_up_after=DAY)
    assert (failed.next_attempt - NOW, failed.attempts) == (FIRST_PAUSE, 11)


def test_the_target_says_when_to_come_back() -> None:
    busy = DeliveryError("Busy.", retry_after=timedelta(minutes=30))
    assert after_failure(WAITING, busy, NOW, give_up_after=DAY).next_attempt == NOW + timedelta(minutes=30)


def test_what_cannot_succeed_is_given_up_at_once_and_can_be_renewed() -> None:
    failed = after_failure(WAITING, DeliveryError("No.", final=True), NOW, give_up_after=DAY)
    assert (failed.state, failed.last_error) == (DeliveryState.FAILED, "No.")
    assert not is_due(failed, NOW + DAY)
    again = renewed(failed, NOW + DAY)
    assert is_due(again, NOW + DAY)
    assert after_failure(again, FAULT, NOW + DAY, give_up_after=DAY).state is DeliveryState.PENDING


def test_what_was_delivered_is_not_due() -> None:
    assert not is_due(delivered(claimed(WAITING, "attempt", NOW)), NOW + DAY)
