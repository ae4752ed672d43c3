"""The killing run in short."""

import pytest

from tests.slow.killing_run import run


@pytest.mark.slow("of uploads while the service is killed")
@pytest.mark.parametrize("instances", [1, 2])
def test_nothing_acknowledged_is_lost_while_the_service_is_killed(instances: int) -> None:
    assert run(uploads=40, kills=5, seed=1, instances=instances) == 0
