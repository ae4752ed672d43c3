"""Gives the rows of a grid the columns of their layout: cells of the file, constants, and users for accounts.

What is not in the file follows after its lines, so that it is a cell like any other.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np

from ..careful.cells import MAX_CELL_CHARACTERS
from ..careful.sources import Source
from ..steps.matching import Matching
from .grid import Grid
from .quotes import QUOTE, Flags, Places
from .words import PADDING

# Cells of accounts that are taken out of the text in one step.
_CELLS_A_STEP = 2000


class Arranged(NamedTuple):
    """The rows of a grid by the columns of their layout.

    Attributes:
        grid: with these columns.
        settled: for each row, whether its account was matched without a remark; ``None`` if none were to be matched.
        matched: for each of these rows, the number of what has matched; ``None`` as well.
    """

    grid: Grid
    settled: Flags | None
    matched: Places | None


class Arranging:
    """Arranges the rows of one file."""

    def __init__(self, sources: Sequence[Source], principal: int, matching: Matching | None) -> None:
        """Prepare for these sources, of which one is the principal's."""
        self._principal = principal
        self._matching = matching
        self._columns = np.array([source.file_index or 0 for source in sources])
        self._constants = {
            place: source.constant.replace(b'"', b'""')
            for place, source in enumerate(sources)
            if source.file_index is None
        }

    def arrange(self, grid: Grid) -> Generator[None, None, Arranged]:
        """Arrange the rows of a grid; its text goes on after its lines."""
        begins, ends = grid.begins[self._columns], grid.ends[self._columns]
        also: list[bytes] = []
        at = len(grid.raw)
        for place, constant in self._constants.items():
            begins[place], ends[place] = at, at + len(constant)
            also.append(constant)
            at += len(constant)
        settled = matched = None
        if self._matching is not None:
            accounts = yield from self._accounts(grid)
            matches = self._matching.of(account for account in accounts if _may_match(account))
            yield
            # The place of each user in the text, and what has matched; the first one stands for none.
            users = [(0, 0, 0)]
            numbers: dict[bytes, int] = {}
            for account in dict.fromkeys(accounts):
                match = matches.get(account) if _may_match(account) else None
                if match is None or match.principal is None or match.fault is not None:
                    numbers[account] = 0
                    continue
                numbers[account] = len(users)
                user = match.principal.encode()
                users.append((at, at + len(user), self._matching.number(match.by)))
                also.append(user)
                at += len(user)
            of_rows = np.array([numbers[account] for account in accounts], np.intp)
            user_begins, user_ends, matched_by = np.array(users).T
            settled, matched = of_rows > 0, matched_by[of_rows]
            begins[self._principal] = np.where(settled, user_begins[of_rows], begins[self._principal])
            ends[self._principal] = np.where(settled, user_ends[of_rows], ends[self._principal])
        raw = b"".join((grid.raw, *also, bytes(PADDING))) if also else grid.raw
        text = np.frombuffer(raw, np.uint8) if also else grid.text
        return Arranged(grid._replace(raw=raw, text=text, begins=begins, ends=ends), settled, matched)

    def _accounts(self, grid: Grid) -> Generator[None, None, list[bytes]]:
        """The account of each row."""
        column = self._columns[self._principal]
        begins, ends = grid.begins[column].tolist(), grid.ends[column].tolist()
        accounts: list[bytes] = []
        for start in range(0, len(begins), _CELLS_A_STEP):
            pairs = zip(begins[start : start + _CELLS_A_STEP], ends[start : start + _CELLS_A_STEP], strict=True)
            accounts += [grid.raw[begin:end] for begin, end in pairs]
            yield
        return accounts


def _may_match(account: bytes) -> bool:
    """Whether an account is one for sure: the careful reader looks at quotes, and at what may be empty."""
    return QUOTE not in account and account[:1].isalnum() and len(account) <= MAX_CELL_CHARACTERS
