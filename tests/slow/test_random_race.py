"""The random race in short."""

import pytest

from tests.slow.random_race import run


@pytest.mark.parametrize(
    ("rounds", "kills"),
    [(12, 1), pytest.param(100, 5, marks=pytest.mark.slow("of random races"))],
    ids=["quick", "all"],
)
def test_random_requests_to_two_instances_break_nothing(rounds: int, kills: int) -> None:
    assert run(rounds, kills, seed=1) == []
