"""Finds rows that give the same principal the same permission twice, in 12 bytes a row.

Rows are told apart by a hash of 64 bits with a key that each process draws anew (SipHash, PEP 456): two different rows
of a million are taken for the same with a chance of one in 37 million, and all that happens then is a wrong warning.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence

# Rows that are kept in mind; what comes after them is not compared.
MAX_ROWS = 1_000_000

# Hashes that are compared at a time: a set of Python's integers takes 60 bytes for each.
_PART_ROWS = 100_000


class DuplicateRows:
    """The rows of a file, as they come."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._lines = array("I")
        self.complete = True

    def add(self, keys: Sequence[tuple[bytes, ...]], lines: Sequence[int]) -> None:
        """Note rows: what identifies each, in lower case, and the physical line on which it begins."""
        room = MAX_ROWS - len(self._hashes)
        if len(keys) > room:
            self.complete = False
        self._hashes.extend(map(hash, keys[:room]))
        self._lines.extend(lines[:room])

    def found(self) -> Iterator[tuple[int, int]]:
        """The lines of each row that came before and of its first occurrence, in the order of the file."""
        suspects = self._suspects()
        if not suspects:
            return
        first: dict[int, int] = {}
        for value, line in zip(self._hashes, self._lines, strict=True):
            if value in suspects:
                if value in first:
                    yield line, first[value]
                else:
                    first[value] = line

    def _suspects(self) -> set[int]:
        """The hashes that occur more than once. Looked for in parts, by value, so that memory stays bounded."""
        parts = len(self._hashes) // _PART_ROWS + 1
        suspects: set[int] = set()
        for part in range(parts):
            values = [value for value in self._hashes if value % parts == part]
            if len(set(values)) < len(values):
                suspects |= {value for value, count in Counter(values).items() if count > 1}
        return suspects
