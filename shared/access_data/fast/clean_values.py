"""Finds the few cells that need a rule of the careful reader, and calls it once for each different cell."""

from collections.abc import Callable, Generator

import numpy as np

from ..careful.lost import ANY_LENGTH, LONGEST, is_lost
from ..careful.unseen import visible
from .grid import Grid
from .quotes import QUOTE, Bytes, Flags, Places
from .words import Cells, any_byte, as_words, cell_bytes, windows

# Different cells that are checked in one step, each with a call of the careful reader's rule.
_CELLS_A_STEP = 300

# For each first byte, one more than the longest cell that may be lost; 0 for those that begin none.
_TOO_LONG = bytes(min(longest + 1, ANY_LENGTH) if longest else 0 for longest in LONGEST)

# The first eight bytes of the names of types.
_TYPES = [as_words(name) for name in (b"System.O", b"System.C", b"System.S", b"Microsof")]

_NINE = ord("9")
_SIGNS = ord("+"), ord("-")

_BRACKET = ord("[")
_DELETE = 0x7F
_SPACE = ord(" ")
_TAB = ord("\t")


def check_values(grid: Grid, starts: Bytes, lengths: Places, clean: Flags) -> Generator[None, None, None]:
    """Rows with a cell that has something else than a value are not clean."""
    too_long = np.frombuffer(starts.tobytes().translate(_TOO_LONG), np.uint8).reshape(starts.shape)
    any_length = too_long == ANY_LENGTH
    doubtful = (lengths < too_long) & ~any_length
    for column in np.flatnonzero((doubtful | any_length).any(axis=1)).tolist():
        rows = np.flatnonzero(any_length[column])
        seconds = grid.text[grid.begins[column, rows] + 1]
        # A JSON array of strings is a value.
        doubtful[column, rows] = (starts[column, rows] == _BRACKET) & (seconds != QUOTE)
        may_be_type = rows[_are_second(seconds)]
        if len(may_be_type):
            words = windows(grid.text, grid.begins[column, may_be_type], 1)[:, 0]
            doubtful[column, may_be_type] |= np.logical_or.reduce([words == name for name in _TYPES])
        rows = np.flatnonzero(doubtful[column])
        if not len(rows):
            continue
        # Of the numbers, those with the sign of an exponent.
        ends = grid.ends[column, rows]
        signs = (grid.text[ends - 3], grid.text[ends - 4])
        is_number = starts[column, rows] <= _NINE
        is_number &= starts[column, rows] >= ord("0")
        has_sign = np.logical_or.reduce([sign == each for sign in signs for each in _SIGNS])
        doubtful[column, rows] = ~is_number | has_sign
        yield from check_cells(grid, column, clean, clean & doubtful[column], _is_value)


def _are_second(letters: Bytes) -> Flags:
    """Which are the second letter of the name of a type."""
    are_second: Flags = letters == ord("y")
    are_second |= letters == ord("i")
    return are_second


def check_id(grid: Grid, column: int, cells: Cells, clean: Flags) -> Generator[None, None, None]:
    """Rows whose id has a character that nobody sees are not clean."""
    lasts = grid.text[grid.ends[column] - 1]
    doubtful = (lasts == _SPACE) | (lasts == _TAB)
    doubtful &= grid.ends[column] > grid.begins[column]
    doubtful |= any_byte(cell_bytes(cells.words) >= _DELETE)
    doubtful |= ~cells.fit
    yield from check_cells(grid, column, clean, clean & doubtful, _is_seen)


def check_cells(
    grid: Grid, column: int, clean: Flags, doubtful: Flags, rule: Callable[[str], bool]
) -> Generator[None, None, None]:
    """Check a column's cells in doubtful rows; a row whose cell is not as the rule has it is not clean."""
    rows = np.flatnonzero(doubtful)
    if not len(rows):
        return
    cells = [grid.cell(column, row) for row in rows.tolist()]
    # Each cell once: a permission has the same name in all of its rows, and a resource the same owners.
    verdicts = dict.fromkeys(cells, False)
    for number, cell in enumerate(verdicts):
        if number % _CELLS_A_STEP == 0:
            yield
        # In a row of the grid, a cell with quotes is in quotes itself, and they are doubled.
        verdicts[cell] = rule(cell.replace(b'""', b'"').decode())
    clean[rows] = [verdicts[cell] for cell in cells]


def _is_value(text: str) -> bool:
    return not is_lost(text)


def _is_seen(text: str) -> bool:
    return visible(text) == text
