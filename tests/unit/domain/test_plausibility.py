"""Which numbers of rows are plausible after another one."""

import pytest

from shared.domain.plausibility import LastComplete, unexpected_change


@pytest.mark.parametrize(
    ("before", "after", "accepted"),
    [
        (100, 50, True),
        (100, 49, False),
        (100, 400, True),
        (100, 401, False),
        (100, 0, False),
        (0, 0, True),
        (0, 1, True),
        (0, 10_000, True),
    ],
)
def test_a_number_of_rows_may_differ_by_so_much(before: int, after: int, *, accepted: bool) -> None:
    error = unexpected_change(after, LastComplete("s", before), max_shrink=50, max_growth=300)
    assert (error is None) == accepted
