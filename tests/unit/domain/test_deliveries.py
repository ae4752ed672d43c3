"""When a delivery is tried, tried again, and given up."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.domain.deliveries import (
    CLAIM,
    EARLY,
    EARLY_PAUSE,
    FIRST_PAUSE,
    HOLD,
    LONGEST_PAUSE,
    DeliveryError,
    DeliveryState,
    Target,
    after_failure,
    delivered,
    is_due,
    new_delivery,
    renewed,
)
from shared.domain.sessions import ResourceKey, SessionKey

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
WAITING = new_delivery(SessionKey(ResourceKey(str(uuid4()), str(uuid4())), str(uuid4())), Target.GRAPH, NOW)
FAULT = DeliveryError("The target is away.")


@pytest.mark.parametrize("ahead", [2, 60])
def test_a_new_delivery_is_due_at_once_whatever_the_clock_said_of_who_stored_it(ahead: int) -> None:
    assert is_due(WAITING, NOW - timedelta(seconds=ahead))


def test_an_attempt_ends_before_another_takes_over_even_if_their_clocks_differ_by_a_minute() -> None:
    assert HOLD + timedelta(minutes=1) <= CLAIM


@pytest.mark.parametrize("target", list(Target))
def test_pauses_double_up_to_the_longest_and_end_when_it_is_given_up(target: Target) -> None:
    delivery, now, pauses = WAITING._replace(target=target), NOW, dict[datetime, timedelta]()
    while delivery.state is DeliveryState.PENDING:
        delivery = after_failure(delivery, FAULT, now, give_up_after=DAY)
        pauses[now] = delivery.next_attempt - now
        now = delivery.next_attempt
    assert list(pauses.values())[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    early = [pause for at, pause in pauses.items() if at < NOW + EARLY]
    assert max(early) == (EARLY_PAUSE if target is Target.GRAPH else LONGEST_PAUSE)
    assert max(pauses.values()) == LONGEST_PAUSE
    assert delivery.state is DeliveryState.FAILED
    assert now - NOW >= DAY
    # What a day's absence of the target costs.
    assert len(pauses) == delivery.attempts <= (220 if target is Target.GRAPH else 110)


def test_pauses_begin_anew_after_a_success_and_after_an_attempt_that_got_further() -> None:
    delivery = WAITING
    for _ in range(10):
        delivery = delivered(delivery)._replace(state=DeliveryState.PENDING)
    failed = after_failure(delivery, FAULT, NOW, give_up_after=DAY)
    assert (failed.next_attempt - NOW, failed.attempts) == (FIRST_PAUSE, 11)
    for _ in range(10):
        failed = after_failure(failed, FAULT, NOW, give_up_after=DAY)
    further = after_failure(failed, FAULT, NOW + DAY, give_up_after=DAY, progressed=True)
    assert (further.next_attempt - NOW - DAY, further.state) == (FIRST_PAUSE, DeliveryState.PENDING)


def test_the_day_of_giving_up_begins_with_the_first_failure() -> None:
    late = NOW + timedelta(hours=25)
    first = after_failure(WAITING, FAULT, late, give_up_after=DAY)
    assert first.state is DeliveryState.PENDING, "no attempt was made for a day, and then one"
    assert after_failure(first, FAULT, late + DAY, give_up_after=DAY).state is DeliveryState.FAILED


@pytest.mark.parametrize(("target", "end"), [(Target.GRAPH, "delivered"), (Target.EVENTS, "failed")])
def test_what_was_forwarded_stays_delivered_when_it_cannot_be_compared_again(target: Target, end: str) -> None:
    again = renewed(delivered(WAITING._replace(target=target)), NOW)
    assert again.state is DeliveryState.PENDING
    after = after_failure(again, DeliveryError("No.", final=True), NOW, give_up_after=DAY)
    assert (after.state, after.last_error) == (end, "No.")


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
    assert not is_due(delivered(WAITING), NOW + DAY)
