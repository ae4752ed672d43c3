"""Writes rows in Graph's form, many at a time: comma-separated, CRLF, and quotes only where RFC 4180 needs them.

A cell of the file is copied with what is around it, so that the rows are one sequence of pieces without gaps. What
was around it (a separator, quotes, a line break) is then replaced by what belongs there.
"""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .grid import Grid
from .quotes import COMMA, CR, LF, QUOTE, Bytes, Flags, Places

# Cells that are copied in one step, so that what it needs fits into the cache of a processor.
_CELLS_A_STEP = 4096
_STEPS_A_TURN = 2

_NUMBERS = np.arange(1024, dtype=np.int32)


class CanonicalRows(NamedTuple):
    """Rows in Graph's form, and where each of them begins; the last place is the end."""

    text: Bytes
    places: Places


def canonical_rows(grid: Grid, rows: Flags, quoted: Flags) -> Generator[None, None, CanonicalRows]:
    """Write some rows of a grid, which has the columns of the layout in their order.

    Args:
        grid: the rows; the commas within its cells are known.
        rows: which of them are written.
        quoted: for each column, whether its cells are quoted in any case.
    """
    needing = _needing_quotes(grid)[:, rows]
    needing[quoted] = True
    begins = grid.begins[:, rows]
    # As pieces: a row after the other, and in it a cell after the other.
    are_quoted = needing.T.ravel()
    lengths = (grid.ends[:, rows] - begins + 1 + 2 * needing).T
    lengths[:, -1] += 1
    lengths = lengths.ravel()
    ends = np.cumsum(lengths)
    firsts = ends - lengths
    sources = ((begins - needing).T.ravel() - firsts).astype(np.int32)
    text = np.empty(int(lengths.sum()), np.uint8)
    for turn, start in enumerate(range(0, len(lengths), _CELLS_A_STEP)):
        if turn % _STEPS_A_TURN == 0:
            yield
        piece = slice(start, start + _CELLS_A_STEP)
        first, end = int(firsts[start]), int(ends[piece][-1])
        places = np.repeat(sources[piece], lengths[piece])
        places += _numbers(end)[first:end]
        grid.text.take(places, out=text[first:end], mode="clip")
    last = ends[len(begins) - 1 :: len(begins)]
    text[ends - 1] = COMMA
    text[last - 2] = CR
    text[last - 1] = LF
    if are_quoted.any():
        text[firsts[are_quoted]] = QUOTE
        is_last = np.zeros(len(ends), np.bool_)
        is_last[len(begins) - 1 :: len(begins)] = True
        text[ends[are_quoted] - 2 - is_last[are_quoted]] = QUOTE
    return CanonicalRows(text, np.append(firsts[:: len(begins)], len(text)))


def _needing_quotes(grid: Grid) -> Flags:
    """Which cells have a comma or a quote. Of the line breaks, which need quotes too, a row of the grid has none."""
    needing = np.zeros(grid.begins.shape, np.bool_)
    special = grid.commas
    if grid.has_quotes:
        are_quotes = grid.text == QUOTE
        special = np.concatenate((special, np.flatnonzero(are_quotes[:-1] & are_quotes[1:])))
    if not len(special):
        return needing
    # The row of each place, by the line.
    line = grid.lines.searchsorted(special, side="right") - 1
    special, line = special[line < len(grid.is_row)], line[line < len(grid.is_row)]
    is_row = grid.is_row[line]
    special, row = special[is_row], (np.cumsum(grid.is_row) - 1)[line[is_row]]
    for column in range(len(needing)):
        within = (grid.begins[column, row] <= special) & (special < grid.ends[column, row])
        needing[column, row[within]] = True
    return needing


def _numbers(most: int) -> NDArray[np.int32]:
    """The numbers from 0 on, at least so many: made once."""
    global _NUMBERS  # noqa: PLW0603  # grows to the size of a batch
    if len(_NUMBERS) < most:
        _NUMBERS = np.arange(2 * most, dtype=np.int32)
    return _NUMBERS
