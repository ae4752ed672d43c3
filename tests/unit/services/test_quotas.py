"""An allowance counts rarely and never exceeds its limit by much."""

import asyncio

import pytest

from shared.services.sessions.quotas import FULL_SECONDS, Allowance


class Things:
    """Things that are counted, and how often they were."""

    def __init__(self, there: int = 0) -> None:
        self.there = there
        self.counts = 0

    async def count(self) -> int:
        self.counts += 1
        await asyncio.sleep(0)
        return self.there

    async def make(self, allowance: Allowance, name: str = "a") -> bool:
        made = await allowance.take(name, self.count)
        self.there += made
        return made


@pytest.mark.parametrize("limit", [1, 2, 10, 11, 1000])
async def test_a_single_process_stops_exactly_at_the_limit(limit: int) -> None:
    things, allowance = Things(), Allowance(limit)
    while await things.make(allowance):
        assert things.there <= limit
    assert things.there == limit
    assert things.counts <= 60


async def test_a_create_that_comes_during_a_count_waits_for_it() -> None:
    things, allowance = Things(3), Allowance(3)
    assert await things.make(allowance), "the first one is not counted"

    assert await asyncio.gather(*(things.make(allowance) for _ in range(3))) == [False] * 3
    assert things.counts == 1


async def test_the_first_of_a_name_is_not_counted() -> None:
    things, allowance = Things(3), Allowance(3)
    assert await things.make(allowance)
    assert things.counts == 0
    assert not await things.make(allowance)


async def test_it_counts_again_after_a_tenth_of_what_is_left() -> None:
    things, allowance = Things(), Allowance(1000)
    for _ in range(1 + 100):
        assert await things.make(allowance)
    assert things.counts == 1
    assert await things.make(allowance)
    assert things.counts == 2


async def test_a_full_name_is_not_counted_again_for_a_while() -> None:
    now = 0.0
    things, allowance = Things(3), Allowance(3, lambda: now)
    assert await things.make(allowance), "the first one is not counted"
    for _ in range(5):
        assert not await things.make(allowance)
    assert things.counts == 1

    things.there = 2
    now = FULL_SECONDS - 1.0
    assert not await things.make(allowance)
    now = float(FULL_SECONDS)
    assert await things.make(allowance)


async def test_each_name_has_its_own_count() -> None:
    allowance = Allowance(1)
    assert await Things().make(allowance, "a")
    assert await Things().make(allowance, "b")
    assert not await Things(1).make(allowance, "a")
