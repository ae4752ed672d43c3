"""Matches the accounts of one file, each once, and counts what has matched."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from .principals import Match, PrincipalMatcher

# Accounts whose match is remembered. A file with more of them is sorted by person in most cases, and few come again.
_MOST_REMEMBERED = 100_000


class Matching:
    """The matches of one file's accounts.

    ``names`` numbers what can match, and ``matched`` counts the rows by these numbers.
    """

    def __init__(self, matcher: PrincipalMatcher) -> None:
        self._matcher = matcher
        self._known: dict[bytes, Match] = {}
        self._numbers: dict[str | None, int] = {}
        self._matched: Counter[int] = Counter()
        self.left_out = 0

    def of(self, accounts: Iterable[bytes]) -> Mapping[bytes, Match]:
        """The matches of some accounts in UTF-8, and perhaps of others."""
        wanted = list(dict.fromkeys(accounts))
        unknown = [account for account in wanted if account not in self._known]
        if unknown:
            if len(self._known) + len(unknown) > _MOST_REMEMBERED:
                self._known = {}
                unknown = wanted
            matches = self._matcher.match([account.decode() for account in unknown])
            self._known |= zip(unknown, matches, strict=True)
        return self._known

    def row(self, account: str) -> Match:
        """The match of the account of one row, which is counted."""
        match = self.of([account.encode()])[account.encode()]
        if match.left_out:
            self.left_out += 1
        elif match.principal is not None:
            self._matched[self.number(match.by)] += 1
        return match

    def number(self, by: str | None) -> int:
        """The number of what has matched."""
        return self._numbers.setdefault(by, len(self._numbers))

    def count_all(self, numbers: NDArray[np.intp]) -> None:
        """Count rows, for each of which the number is given of what has matched."""
        for number, rows in enumerate(np.bincount(numbers).tolist()):
            self._matched[number] += rows

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of rows by what has matched."""
        return {
            by: self._matched[number]
            for by, number in self._numbers.items()
            if by is not None and self._matched[number]
        }
