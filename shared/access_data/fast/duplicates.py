"""Finds rows that repeat an earlier one, in 8 bytes a row.

A row repeats another one if it gives the same principal the same permission, in the same scope. Rows are compared by
their hashes (``row_hashes``). Among a million rows the probability that two different ones have the same hash is 1 in
37 million; the only effect is a wrong warning.
"""

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .row_hashes import Hashes, long_row_hash, short_row_hashes
from .words import MAX_CELL

# Rows that are remembered; later ones are not compared.
MAX_ROWS = 1_000_000

# Hashes that are sorted and compared in one step (approximately).
_PART_ROWS = 25_000

# Single rows that are hashed at a time. To hash one of them takes NumPy ten microseconds; to hash 200, one each.
_MOST_WAITING = 200
_UNKNOWN = 0


class DuplicateRows:
    """The rows of one file, added in their order."""

    def __init__(self) -> None:
        self._hashes = array("q")
        # Runs of rows on consecutive lines: the number of each run's first row, and its line.
        self._run_rows = array("I")
        self._run_lines = array("I")
        self._next_line = 0
        self._waiting: dict[int, tuple[bytes, ...]] = {}  # rows whose hash is not known yet, by their number
        self.complete = True
        self.count = 0
        self.first: list[tuple[int, int]] = []

    def add(self, hashes: Hashes, line: int) -> None:
        """Add consecutive rows.

        Args:
            hashes: the hash of each row.
            line: the physical line of the first row; each further row is one line below.
        """
        room = MAX_ROWS - len(self._hashes)
        if len(hashes) > room:
            self.complete = False
            hashes = hashes[:room]
        if len(hashes):
            self._begin_run(line)
        self._next_line = line + len(hashes)
        self._hashes.frombytes(hashes.tobytes())

    def add_row(self, key: tuple[bytes, ...], line: int) -> None:
        """Add one row, by the cells of its key, on this physical line."""
        if len(self._hashes) == MAX_ROWS:
            self.complete = False
        elif max(map(len, key)) > MAX_CELL:
            self.add(np.array([long_row_hash(key)]), line)
        else:
            self._waiting[len(self._hashes)] = key
            self._begin_run(line)
            self._next_line = line + 1
            self._hashes.append(_UNKNOWN)
            if len(self._waiting) == _MOST_WAITING:
                self._hash_waiting()

    def _begin_run(self, line: int) -> None:
        """Begin a run with the row on this line, which is added next, unless it follows the last one."""
        if line != self._next_line:
            self._run_rows.append(len(self._hashes))
            self._run_lines.append(line)

    def _hash_waiting(self) -> None:
        if self._waiting:
            for row, row_hash in zip(
                self._waiting, short_row_hashes(list(self._waiting.values())).tolist(), strict=True
            ):
                self._hashes[row] = row_hash
            self._waiting.clear()

    def search(self, most: int) -> Iterator[None]:
        """Search for repeated rows, in steps of a few milliseconds, so that an event loop can run others in between.

        Afterwards ``count`` is the number of repeated rows, and ``first`` lists the first ``most`` of them: the line of
        the repeated row, and the line where the same row occurred first.
        """
        self._hash_waiting()
        hashes = np.frombuffer(self._hashes, np.int64)
        parts = 1 << (len(hashes) // _PART_ROWS).bit_length()
        # One byte of a hash tells its part. Copies of whole hashes would need as much memory as the hashes.
        part_of = hashes.view(np.uint8)[:: hashes.itemsize] & np.uint8(parts - 1)
        found = np.empty((0, 2), np.intp)
        for part in range(parts):
            rows = np.flatnonzero(part_of == part)
            yield
            firsts = rows[:0]
            # Equal hashes are in the same part: one with many rows is one of few different ones.
            for start in range(0, len(rows), _PART_ROWS):
                compared = np.concatenate((firsts, rows[start : start + _PART_ROWS]))
                repeats = _repeats(hashes[compared])
                firsts = np.delete(compared, repeats[:, 0])
                self.count += len(repeats)
                found = _first(np.concatenate((found, self._lines_of(compared[repeats]))), most)
                yield
        self.first = [(line, first) for line, first in found.tolist()]

    def _lines_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The physical lines of rows, which are counted from 0."""
        run_rows = np.frombuffer(self._run_rows, np.uint32)
        runs = run_rows.searchsorted(rows, side="right") - 1
        return np.frombuffer(self._run_lines, np.uint32)[runs] + (rows - run_rows[runs])


def _repeats(hashes: Hashes) -> NDArray[np.intp]:
    """Pairs of a repeated hash and its first occurrence, by their index; shape (repeated hashes, 2)."""
    # Hardly any file repeats a row, and sorting the values is five times as fast as a stable sort of their indexes.
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.empty((0, 2), np.intp)
    # A stable sort: equal hashes are adjacent then, in the order of the file.
    order = np.argsort(hashes, kind="stable")
    again = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    return np.stack((order[again], order[ordered.searchsorted(ordered[again])]), axis=1)


def _first(repeats: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """The pairs of lines that come first in the file."""
    return repeats[np.argsort(repeats[:, 0])[:most]]
