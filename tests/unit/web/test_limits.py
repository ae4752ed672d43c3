"""The token buckets, with a clock that the test controls; and concurrent transfers."""

from contextlib import ExitStack

import pytest

from shared.core.errors import GraphError
from shared.web.limits import RequestLimit, TransferLimit, dry_run_limit, transfer_limit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(limit: RequestLimit, caller: str, times: int) -> int:
    """How many of so many requests get through."""
    got = 0
    for _ in range(times):
        try:
            limit.take(caller)
            got += 1
        except GraphError:
            pass
    return got


def test_a_burst_is_limited_to_the_requests_of_one_minute() -> None:
    clock = Clock()
    limit = RequestLimit(60, clock)

    assert taken(limit, "a", 100) == 60
    clock.now += 10
    assert taken(limit, "a", 100) == 10
    clock.now += 3600
    assert taken(limit, "a", 100) == 60


def test_each_caller_has_its_own_limit() -> None:
    limit = RequestLimit(5, Clock())

    assert taken(limit, "a", 10) == 5
    assert taken(limit, "b", 10) == 5


@pytest.mark.parametrize(("per_minute", "wait"), [(60, "1"), (6, "10"), (1, "60")])
def test_retry_after_is_long_enough(per_minute: int, wait: str) -> None:
    clock = Clock()
    limit = RequestLimit(per_minute, clock)
    taken(limit, "a", per_minute)

    with pytest.raises(GraphError) as refused:
        limit.take("a")

    assert refused.value.problem.status == 429
    assert refused.value.headers["Retry-After"] == wait
    clock.now += int(wait)
    limit.take("a")


def test_the_least_recent_callers_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.limits._MAX_CALLERS", 2)
    limit = RequestLimit(1, Clock())

    assert [taken(limit, caller, 1) for caller in "abc"] == [1, 1, 1]
    assert taken(limit, "c", 1) == 0
    assert taken(limit, "a", 1) == 1, "a was forgotten for c"


@pytest.fixture
def three_of_six() -> TransferLimit:
    return TransferLimit("uploads and downloads", places=6, share_percent=50)


def test_a_transfer_counts_until_it_ends(three_of_six: TransferLimit) -> None:
    for _ in range(10):
        with pytest.raises(ValueError, match="cut off"), three_of_six.taken("a"):
            raise ValueError("cut off")
    with three_of_six.taken("a"), three_of_six.taken("a"), three_of_six.taken("a"), three_of_six.taken("b"):
        assert _refusal(three_of_six, "a") == 429
    with three_of_six.taken("a"):
        pass


def test_a_transfer_that_nobody_ends_does_not_count_for_ever(three_of_six: TransferLimit) -> None:
    """As of a response that is never sent."""
    for _ in range(10):
        place = ExitStack()
        place.enter_context(three_of_six.taken("a"))
        del place

    with three_of_six.taken("a"):
        pass


@pytest.mark.parametrize(
    ("places", "share_percent", "of_one"), [(24, 33, 8), (3, 33, 1), (1, 33, 1), (1, 1, 1), (100, 100, 100)]
)
def test_a_caller_has_a_share_of_the_places(places: int, share_percent: int, of_one: int) -> None:
    limit = TransferLimit("uploads and downloads", places=places, share_percent=share_percent)

    with ExitStack() as taken:
        for _ in range(of_one):
            taken.enter_context(limit.taken("a"))
        assert _refusal(limit, "a") in (429, 503)
        for other in range(places - of_one):
            taken.enter_context(limit.taken(f"caller {other}"))
        assert _refusal(limit, "b") == 503


def test_by_default_two_callers_do_not_hold_all_places_nor_dry_runs_those_of_uploads() -> None:
    with ExitStack() as taken:
        for caller in "ab":
            for limit in (transfer_limit(), dry_run_limit()):
                while _takes(taken, limit, caller):
                    pass
        assert _takes(taken, dry_run_limit(), "c")
        assert _takes(taken, transfer_limit(), "c")


def _takes(taken: ExitStack, limit: TransferLimit, caller: str) -> bool:
    try:
        taken.enter_context(limit.taken(caller))
    except GraphError:
        return False
    return True


def _refusal(limit: TransferLimit, caller: str) -> int:
    with pytest.raises(GraphError) as refused, limit.taken(caller):
        pass
    assert refused.value.headers["Retry-After"] == "5"
    return refused.value.problem.status
