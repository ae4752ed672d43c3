"""Finds rows that repeat an earlier one, in 12 bytes a row, up to 60 during the search.

A row repeats another one if it gives the same principal the same permission.

Rows are compared by a 64-bit hash with a random key for each process (SipHash, PEP 456). Among a million rows the
probability that two different ones have the same hash is 1 in 37 million; the only effect is a wrong warning.
"""

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# Rows that are remembered; later ones are not compared.
MAX_ROWS = 1_000_000

# Hashes that are sorted and compared in one step (approximately).
_PART_ROWS = 25_000


class DuplicateRows:
    """The rows of one file, added in their order."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._lines = array("I")
        self.complete = True
        self.count = 0
        self.first: list[tuple[int, int]] = []

    def add(self, keys: Sequence[bytes], line: int) -> None:
        """Add consecutive rows.

        Args:
            keys: the ``row_key`` of each row.
            line: the physical line of the first row; each further row is one line below.
        """
        room = MAX_ROWS - len(self._hashes)
        if len(keys) > room:
            self.complete = False
        self._hashes.extend(map(hash, keys[:room]))
        self._lines.frombytes(np.arange(line, line + min(len(keys), room), dtype=np.uint32).tobytes())

    def search(self, most: int) -> Iterator[None]:
        """Search for repeated rows, in steps of a few milliseconds, so that an event loop can run others in between.

        Afterwards ``count`` is the number of repeated rows, and ``first`` lists the first ``most`` of them: the line of
        the repeated row, and the line where the same row occurred first.
        """
        hashes = np.frombuffer(self._hashes, np.int64)
        lines = np.frombuffer(self._lines, np.uint32)
        parts = 1 << (len(hashes) // _PART_ROWS).bit_length()
        found = []
        for part in range(parts):
            rows = np.flatnonzero(hashes & (parts - 1) == part)
            # A stable sort: equal rows are adjacent then, in the order of the file.
            rows = rows[np.argsort(hashes[rows], kind="stable")]
            ordered = hashes[rows]
            again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
            repeats = np.stack((lines[rows[again]], lines[rows[np.searchsorted(ordered, ordered[again])]]), axis=1)
            self.count += len(repeats)
            found.append(_by_line(repeats, most))
            yield
        self.first = [(line, first) for line, first in _by_line(np.concatenate(found), most).tolist()]


def _by_line(repeats: NDArray[np.uint32], most: int) -> NDArray[np.uint32]:
    return repeats[np.argsort(repeats[:, 0])[:most]]
