"""The fast reader: finds the rows without any finding or warning, many at a time.

It applies the layout's rules to arrays of cells. A row that it does not recognize as clean goes to the careful reader,
so it may be stricter than the rules (it takes no cell that begins with a space, for example), but never laxer. A
property-based test compares the two.
"""

import re
from collections.abc import Collection, Generator, Sequence

import numpy as np

from ..layouts import Column, Content, Layout
from .clean_principals import are_principals
from .grid import Grid, cut
from .quotes import QUOTE, Bytes, Flags, Places
from .row_hashes import Hashes, long_row_hash, row_hashes
from .words import MAX_CELL, PADDING, WORD, any_byte, as_words, cell_bytes, read_cells, windows, words_for

# A cell has at most as many characters as bytes.
_MAX_CLEAN_CELL = 32 * 1024 - 1

# No clean cell begins with one of these: the start of a formula, white space, or a quote.
_UNCLEAN_START = bytes(byte in b'=+-@\t "' for byte in range(256))

_OWNER = rb'""[^"\\\r\n]*+""'
_OWNERS = re.compile(rb"\[(?:%s(?:, ?%s)*)?\]" % (_OWNER, _OWNER))


class ScannedLines:
    """The lines of a batch that are clean rows, and the hash of each of these rows."""

    def __init__(self, lines: Places, clean: Flags, hashes: Hashes) -> None:
        """Store the result of a scan.

        Args:
            lines: where each line starts, and where the last one ends.
            clean: whether each line is a clean row.
            hashes: the hash of each clean row.
        """
        self._lines = lines
        self._unclean = np.append(np.flatnonzero(~clean), len(clean))
        self._hashes = hashes

    def run(self, position: int) -> tuple[int, Hashes]:
        """The consecutive clean rows from the line at ``position`` on: where they end, and their hashes."""
        line = int(self._lines.searchsorted(position))
        unclean_before = int(self._unclean.searchsorted(line))
        stop = int(self._unclean[unclean_before])
        return int(self._lines[stop]), self._hashes[line - unclean_before : stop - unclean_before]


class CleanRows:
    """The fast reader for files with one header."""

    def __init__(self, layout: Layout, header: Sequence[Column], principal_types: Collection[str]) -> None:
        """Prepare to read rows.

        Args:
            layout: the file's layout.
            header: the file's columns in their order.
            principal_types: the allowed values of ``principalType``.
        """
        self._columns = len(header)
        self._required = [index for index, column in enumerate(header) if column.required]
        self._principal = _index(header, layout.principal)
        self._permission = _index(header, layout.permission)
        self._types = [index for index, column in enumerate(header) if column.content is Content.PRINCIPAL_TYPE]
        self._owners = [index for index, column in enumerate(header) if column.content is Content.OWNERS]
        names = {name.lower().encode() for name in principal_types}
        self._principal_types = [_Name(name) for name in sorted(names) if 0 < len(name) <= MAX_CELL]

    def scan(self, data: bytes, start: int) -> Generator[None, None, ScannedLines]:
        """Scan all whole lines from ``start`` on, in two steps of similar length; there must be at least one line."""
        grid = cut(memoryview(data)[start : data.rfind(b"\n") + 1], self._columns, PADDING)
        yield
        clean, hashes = self._check(grid)
        lines_clean = np.zeros(len(grid.is_row), np.bool_)
        lines_clean[grid.is_row] = clean
        return ScannedLines(grid.lines + (start - 1), lines_clean, hashes)

    def _check(self, grid: Grid) -> tuple[Flags, Hashes]:
        """Which rows of a grid are clean, and the hashes of the clean ones."""
        lengths = grid.ends - grid.begins
        clean = self._are_plain(grid, lengths)
        for column in self._types:
            clean &= self._have_principal_type(grid, column, lengths[column])
        for column in self._owners:
            _check_each(grid, column, _OWNERS, clean, clean & (lengths[column] > 0))
        principals = read_cells(grid.text, grid.begins[self._principal], lengths[self._principal])
        clean &= are_principals(principals)
        permissions = read_cells(grid.text, grid.begins[self._permission], lengths[self._permission])
        if grid.has_quotes:
            # A doubled quote means one quote; the careful reader handles that.
            clean &= ~any_byte(cell_bytes(permissions.words) == QUOTE)
        hashes = row_hashes(principals.words, permissions.words)
        for row in np.flatnonzero(clean & ~permissions.fit).tolist():
            permission = grid.cell(self._permission, row)
            clean[row] = QUOTE not in permission
            hashes[row] = long_row_hash(grid.cell(self._principal, row), permission)
        return clean, hashes if clean.all() else hashes[clean]

    def _are_plain(self, grid: Grid, lengths: Places) -> Flags:
        """Which rows have cells of normal length and beginning, and a value where one is required."""
        empty = lengths == 0
        starts = grid.text[grid.begins]
        faults = np.frombuffer(starts.tobytes().translate(_UNCLEAN_START), np.bool_).reshape(starts.shape) & ~empty
        faults |= lengths > _MAX_CLEAN_CELL
        plain: Flags = ~(faults.any(axis=0) | empty[self._required].any(axis=0))
        return plain

    def _have_principal_type(self, grid: Grid, column: int, lengths: Places) -> Flags:
        """Which rows have one of the allowed principal types."""
        allowed = np.zeros(len(lengths), np.bool_)
        for name in self._principal_types:
            allowed |= name.is_in(grid.text, grid.begins[column], lengths)
            if allowed.all():
                break
        return allowed


class _Name:
    """A name that cells are compared with. Upper and lower case of ASCII letters are the same."""

    def __init__(self, name: bytes) -> None:
        """Take the name in lower case."""
        padded = name.ljust(words_for(len(name)) * WORD, b"\0")
        self._length = len(name)
        self._words = as_words(padded)
        self._used = as_words(0xFF if byte else 0 for byte in padded)
        # The bit that distinguishes a lower case letter from an upper case one.
        self._case = as_words(0x20 if ord("a") <= byte <= ord("z") else 0 for byte in padded)

    def is_in(self, text: Bytes, begins: Places, lengths: Places) -> Flags:
        """Which cells are this name."""
        cells = windows(text, begins, len(self._words))
        matches: Flags = lengths == self._length
        for index, word in enumerate(self._words):
            matches &= cells[:, index] & self._used[index] | self._case[index] == word
        return matches


def _index(header: Sequence[Column], name: str) -> int:
    return [column.name for column in header].index(name)


def _check_each(grid: Grid, column: int, rule: re.Pattern[bytes], clean: Flags, doubtful: Flags) -> None:
    """Match a column's cells in doubtful rows against a pattern; a row whose cell does not match is not clean."""
    rows = np.flatnonzero(doubtful)
    clean[rows] = [rule.fullmatch(grid.cell(column, row)) is not None for row in rows.tolist()]
