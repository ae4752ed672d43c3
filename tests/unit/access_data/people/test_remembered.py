"""Accounts of one file are matched many at a time, however many there are."""

from collections.abc import Sequence

import pytest

from shared.access_data.steps import matching
from shared.access_data.steps.matching import Matching
from shared.access_data.steps.principals import Match


class Counting:
    """Matches every account with itself, and notes how many it was asked for at a time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def match(self, accounts: Sequence[str]) -> Sequence[Match]:
        self.asked.append(len(accounts))
        return [Match(account, "mail") for account in accounts]


def test_accounts_beyond_those_that_are_remembered_are_matched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_MOST_REMEMBERED", 10)
    matcher = Counting()
    matches = Matching(matcher)
    for first in range(0, 40, 8):
        accounts = [b"%d" % number for number in range(first, first + 8)]
        # As the fast reader asks: by what can be read once.
        found = matches.of(iter(accounts))
        assert [found[account].principal for account in accounts] == [account.decode() for account in accounts]
    assert matcher.asked == [8] * 5
