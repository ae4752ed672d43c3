"""Finds rows that give the same principal the same permission twice, in 12 bytes a row; up to 60 while it searches.

Rows are told apart by a hash of 64 bits with a key that each process draws anew (SipHash, PEP 456): two different rows
of a million are taken for the same with a chance of one in 37 million, and all that happens then is a wrong warning.
"""

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# Rows that are kept in mind; what comes after them is not compared.
MAX_ROWS = 1_000_000

# Hashes that are compared, and that are sorted into parts, at a time.
_PART_ROWS = 25_000


class DuplicateRows:
    """The rows of a file, as they come."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._lines = array("I")
        self.complete = True
        self.count = 0
        self.first: list[tuple[int, int]] = []

    def add(self, keys: Sequence[bytes], line: int) -> None:
        """Note rows that follow each other: what identifies each, and the physical line on which the first begins."""
        room = MAX_ROWS - len(self._hashes)
        if len(keys) > room:
            self.complete = False
        self._hashes.extend(map(hash, keys[:room]))
        self._lines.frombytes(np.arange(line, line + min(len(keys), room), dtype=np.uint32).tobytes())

    def search(self, most: int) -> Iterator[None]:
        """Look for rows that came before, a few milliseconds' work a step: an event loop may turn in between.

        Then ``count`` is how many there are, and ``first`` has the first of them, ``most`` at most: the line of each,
        and of its first occurrence.
        """
        hashes = np.frombuffer(self._hashes, np.int64)
        lines = np.frombuffer(self._lines, np.uint32)
        parts = 1 << (len(hashes) // _PART_ROWS).bit_length()
        found = []
        for part in range(parts):
            rows = np.flatnonzero(hashes & (parts - 1) == part)
            # Alike rows stand side by side then, in the order of the file.
            rows = rows[np.argsort(hashes[rows], kind="stable")]
            alike = hashes[rows]
            again = np.flatnonzero(alike[1:] == alike[:-1]) + 1
            repeats = np.stack((lines[rows[again]], lines[rows[np.searchsorted(alike, alike[again])]]), axis=1)
            self.count += len(repeats)
            found.append(_by_line(repeats, most))
            yield
        self.first = [(line, first) for line, first in _by_line(np.concatenate(found), most).tolist()]


def _by_line(repeats: NDArray[np.uint32], most: int) -> NDArray[np.uint32]:
    return repeats[np.argsort(repeats[:, 0])[:most]]
