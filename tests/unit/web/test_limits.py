"""The token buckets, with a clock that the test controls; and concurrent uploads."""

import pytest

from shared.core.errors import GraphError
from shared.web.limits import RequestLimit, UploadLimit


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


def test_an_upload_counts_until_it_ends() -> None:
    limit = UploadLimit(per_caller=2, per_process=3)

    for _ in range(5):
        with pytest.raises(ValueError, match="cut off"), limit.taken("a"):
            raise ValueError("cut off")
    with limit.taken("a"), limit.taken("a"), limit.taken("b"):
        assert _refusal(limit, "a") == 429
    with limit.taken("a"), limit.taken("a"):
        pass


def test_the_uploads_of_all_callers_are_limited() -> None:
    limit = UploadLimit(per_caller=2, per_process=3)

    with limit.taken("a"), limit.taken("b"), limit.taken("c"):
        assert _refusal(limit, "d") == 503
        assert _refusal(limit, "") == 503
    with limit.taken(""), limit.taken(""), limit.taken(""):
        assert _refusal(limit, "a") == 503
    with limit.taken("d"):
        pass


def _refusal(limit: UploadLimit, caller: str) -> int:
    with pytest.raises(GraphError) as refused, limit.taken(caller):
        pass
    assert refused.value.headers["Retry-After"] == "5"
    return refused.value.problem.status
