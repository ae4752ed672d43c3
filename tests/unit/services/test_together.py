"""Calls at the same time: their results, and what is left of them if some fail."""

import asyncio
import gc
import weakref

import pytest

from shared.services.together import together


class Held:
    """Something large that a failed call has held."""


async def _gives(value: str, *, after: int = 0) -> str:
    for _ in range(after):
        await asyncio.sleep(0)
    return value


async def _fails(reason: str, *, after: int = 0) -> str:
    raise ValueError(await _gives(reason, after=after))


async def test_the_results_are_in_the_order_of_the_calls() -> None:
    assert await together(_gives("a", after=3), _gives("b"), _gives("c", after=1)) == ("a", "b", "c")


async def test_all_calls_end_before_an_error_is_raised() -> None:
    ended = []

    async def late() -> None:
        await _gives("late", after=5)
        ended.append("late")

    with pytest.raises(ValueError, match="at once"):
        await together(_fails("at once"), late())

    assert ended == ["late"]


async def test_of_several_errors_the_one_of_the_first_argument_is_raised() -> None:
    with pytest.raises(ValueError, match="first"):
        await together(_fails("first", after=5), _fails("second"))


async def test_nothing_that_a_failed_call_held_waits_for_the_garbage_collector() -> None:
    held: list[weakref.ref[Held]] = []

    async def holds() -> None:
        large = Held()
        held.append(weakref.ref(large))
        await _fails("reason")

    gc.disable()
    try:
        with pytest.raises(ValueError, match="reason") as caught:
            await together(holds(), _gives("b"))
        del caught
        await asyncio.sleep(0)
        assert held[0]() is None
    finally:
        gc.enable()
