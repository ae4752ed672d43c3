"""What deliveries cost in calls to storage; ``docs/design.md`` has the table."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.deliveries.cases import Places
from tests.deliveries.here import Here, running_here
from tests.deliveries.http_faults import HttpFault, HttpPlan
from tests.faults.transport import Fault, Plan


async def calls(here: Here, work: Callable[[], Awaitable[Any]]) -> int:
    """How many calls to storage something makes."""
    plan = here.calls.plan = Plan(Fault.CONFLICT, sys.maxsize)  # which no call ever reaches
    await work()
    here.calls.plan = None
    return plan.calls


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (set(), 5),
        ({"forward_url"}, 7),
        ({"events_url", "events_secret"}, 7),
        ({"forward_url", "events_url", "events_secret"}, 7),
        ({"forward_url", "forward_resources"}, 6),
    ],
    ids=["no target", "graph", "events", "both", "a resource that is not listed"],
)
async def test_a_completion_costs_two_calls_more_with_targets_and_none_without(
    places: Places, targets: set[str], expected: int
) -> None:
    every = places.options | {"forward_resources": "listed"}
    async with running_here(places.storage, **{name: every[name] for name in targets}) as here:
        await here.complete(await here.active())
        key = await here.active()
        assert await calls(here, lambda: here.complete(key)) == expected


async def test_a_delivery_costs_the_calls_that_the_table_says(places: Places) -> None:
    only = {"forward_url": places.options["forward_url"]}
    async with running_here(places.storage, **only) as here:
        key = await here.active()
        await here.complete(key)
        await here.handle_due()
        key = await here.active()
        await here.complete(key)
        assert await calls(here, here.handle_due) == 8 + len(here.files[key])
        assert await calls(here, lambda: here.deliver(key)) == 1


async def test_events_cost_the_calls_that_the_table_says(places: Places) -> None:
    only = {name: value for name, value in places.options.items() if name != "forward_url"}
    async with running_here(places.storage, **only) as here:
        await here.complete(await here.active())
        here.http.plan = HttpPlan(HttpFault.UNAVAILABLE, 0)
        assert await calls(here, here.handle_due) == 5 + 4
        here.clock.move(minutes=1)
        assert await calls(here, here.handle_due) == 6 + 1 + 1


async def test_the_timer_costs_a_query_and_two_calls_for_what_was_delivered(places: Places) -> None:
    async with running_here(places.storage, **places.options) as here:
        await here.sweep()  # creates the table of the index
        assert await calls(here, here.sweep) == 1
        await here.complete(await here.active())
        await here.handle_due()
        rows = len(await here.index_rows())
        here.clock.move(hours=1)
        assert await calls(here, here.sweep) == 1 + 2 * rows
