"""Finds rows that give the same principal the same permission twice, in 12 bytes a row.

Rows are told apart by a hash of 64 bits with a key that each process draws anew (SipHash, PEP 456): two different rows
of a million are taken for the same with a chance of one in 37 million, and all that happens then is a wrong warning.
"""

from array import array
from collections.abc import Iterator, Sequence

import numpy as np

# Rows that are kept in mind; what comes after them is not compared.
MAX_ROWS = 1_000_000

# Hashes that are compared, and that are sorted into parts, at a time.
_PART_ROWS = 25_000


class DuplicateRows:
    """The rows of a file, as they come."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._lines = array("I")
        self._repeated: set[int] = set()
        self.complete = True

    def add(self, keys: Sequence[bytes], line: int) -> None:
        """Note rows that follow each other: what identifies each, and the physical line on which the first begins."""
        room = MAX_ROWS - len(self._hashes)
        if len(keys) > room:
            self.complete = False
        self._hashes.extend(map(hash, keys[:room]))
        self._lines.frombytes(np.arange(line, line + min(len(keys), room), dtype=np.uint32).tobytes())

    def search(self) -> Iterator[None]:
        """Look for hashes that occur more than once, a millisecond's work a step: an event loop may turn in between."""
        hashes = np.frombuffer(self._hashes, np.int64)
        parts = 1 << (len(hashes) // _PART_ROWS).bit_length()
        for part in range(parts):
            alike = np.sort(hashes[hashes & (parts - 1) == part])
            self._repeated.update(alike[1:][alike[1:] == alike[:-1]].tolist())
            yield

    def found(self) -> Iterator[tuple[int, int]]:
        """What the search found: the lines of each row that came before, and of its first occurrence, in order."""
        first: dict[int, int] = {}
        if self._repeated:
            for value, line in zip(self._hashes, self._lines, strict=True):
                if value in first:
                    yield line, first[value]
                elif value in self._repeated:
                    first[value] = line
