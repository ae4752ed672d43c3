"""A target that is away: what waiting costs, and when it ends."""

import logging
import sys
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from shared.domain.deliveries import Target
from tests.deliveries.cases import Places, check_end, check_storage, check_upstream
from tests.deliveries.here import Here, running_here
from tests.deliveries.receiver import received
from tests.faults.transport import Fault, Plan

HOUR = timedelta(hours=1)


def away(here: Here, part: str) -> None:
    """From now on, nothing whose address contains ``part`` can be reached."""

    async def before(call: str) -> None:
        if part in call:
            raise aiohttp.ClientConnectionError("away")

    here.http.before = before


def back(here: Here) -> None:
    here.http.before = None


@pytest.mark.slow("of a day without the target")
async def test_a_day_without_the_targets_costs_little_and_loses_nothing(places: Places) -> None:
    options: dict[str, Any] = places.options | {"delivery_seconds": 2 * 86400}
    async with running_here(places.storage, **options) as here:
        sessions = [await here.active() for _ in range(2)]
        away(here, "http")
        for key in sessions:
            await here.complete(key)
        plan = here.calls.plan = Plan(Fault.CONFLICT, sys.maxsize)
        await here.pass_time(24 * HOUR)
        here.calls.plan = None
        deliveries = [await here.of(key, target) for key in sessions for target in Target]
        attempts = [0 if delivery is None else delivery.attempts for delivery in deliveries]
        assert min(attempts) > 90
        assert max(attempts) <= 220, "a hundred attempts in a day, and as many in the first two hours of a forwarding"
        # The timer's own queries, one for each tick, are not the sessions'.
        each = (plan.calls - 24 * 12) / sum(attempts)
        print(f"{attempts} attempts, {plan.calls} storage calls, {each:.1f} for each attempt")
        # Of these, three are for the claim, which has a row of its own, and one for the pause of the target.
        assert each <= 12
        assert len(await here.index_rows()) <= 2 * len(sessions)
        assert len(here.messages) <= 2 * len(sessions)
        back(here)
        await here.settle()
        for key in sessions:
            await check_end(here, places, key)


async def test_what_waits_long_is_given_up_loudly_and_can_be_delivered_afterwards(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = places.options | {"delivery_seconds": 3600}
    async with running_here(places.storage, **options) as here:
        key = await here.active()
        away(here, "/identityGovernance/")
        await here.complete(key)
        await here.pass_time(HOUR / 2)
        assert await here.state(key) == "pending"
        await here.pass_time(HOUR)
        assert await here.state(key) == "failed"
        assert [each.levelno for each in caplog.records if "to graph" in each.getMessage()][-1] == logging.ERROR
        assert [record["Outcome"] for record in records(here, "deliverSession")] == ["refused"]
        assert received(places.http, places.events, key.session_id) == ["completed", "deliveryFailed"]
        assert await here.index_rows() == []

        back(here)
        await here.redeliver(key)
        await here.settle()
        assert await here.state(key) == "delivered"
        check_upstream(here, places, key)
        check_storage(here, key)
        assert received(places.http, places.events, key.session_id)[2:] == ["delivered"]


async def test_events_that_wait_long_are_given_up_loudly_and_sent_afterwards_in_their_order(
    places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = places.options | {"delivery_seconds": 3600}
    async with running_here(places.storage, **options) as here:
        key = await here.active()
        away(here, "/events")
        await here.complete(key)
        await here.pass_time(2 * HOUR)
        assert await here.state(key, Target.EVENTS) == "failed"
        assert [each.levelno for each in caplog.records if "to events" in each.getMessage()][-1] == logging.ERROR
        assert [record["Outcome"] for record in records(here, "deliverSession")] == ["success", "refused"]
        check_storage(here, key)

        back(here)
        await here.redeliver(key, Target.EVENTS)
        await here.settle()
        assert received(places.http, places.events, key.session_id) == ["completed", "delivered", "completed"]


def records(here: Here, activity: str) -> list[dict[str, Any]]:
    """The audit records of an activity, in their order."""
    rows = here.account.sessions.query_entities("Activity eq @activity", parameters={"activity": activity})
    return [dict(row) for row in sorted(rows, key=lambda row: row["RowKey"])]
