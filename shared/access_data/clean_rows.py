"""The fast reader: finds the rows without any finding or warning, many at a time.

It applies the layout's rules to arrays of cells. A row that it does not recognize as clean goes to the careful reader,
so it may be stricter than the rules (it takes no cell that begins with a space, for example), but never laxer. A
property-based test compares the two.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import compress

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .grid import COMMA, QUOTE, Flags, Grid, Places, cut
from .layouts import Column, Content, Layout
from .patterns import compiled
from .principals import PLAIN_PRINCIPAL

# A cell has at most as many characters as bytes.
_MAX_CLEAN_CELL = 32 * 1024 - 1

# No clean cell begins with one of these: the start of a formula, white space, or a quote.
_UNCLEAN_START = np.isin(np.arange(256), list(b'=+-@\t "'))

_GUID_SHAPE = b"00000000-0000-0000-0000-000000000000"
_TO_GUID_SHAPE = bytes(ord("0") if byte in b"0123456789abcdefABCDEF" else byte for byte in range(256))
_GUID_LENGTH = len(_GUID_SHAPE)

# Bytes of a cell that are compared as an array; longer permissions, and user principal names, are compared one by one.
_WINDOW = 64

_PRINCIPAL = compiled(PLAIN_PRINCIPAL.encode())
_OWNER = rb'""[^"\\\r\n]*+""'
_WITHOUT_QUOTE = compiled(rb'[^"]*+')
_OWNERS = compiled(rb"\[(?:%s(?:, ?%s)*+)?\]" % (_OWNER, _OWNER))


def row_key(principal: bytes, permission: bytes) -> bytes:
    """What identifies a row. Only ASCII letters are lowercased; a principal contains no comma."""
    return b"%b,%b" % (principal.lower(), permission.lower())


class ScannedLines:
    """The lines of a batch that are clean rows, and the key of each of these rows."""

    def __init__(self, start: int, lines: Places, clean: Flags, keys: list[bytes]) -> None:
        """Store the result of a scan.

        Args:
            start: where the batch starts.
            lines: where each line starts, counted from the start of the batch, and where the last one ends.
            clean: whether each line is a clean row.
            keys: the ``row_key`` of each clean row.
        """
        self._lines = lines + start
        self._unclean = np.append(np.flatnonzero(~clean), len(clean))
        self._keys = keys

    def run(self, position: int) -> tuple[int, list[bytes]]:
        """The consecutive clean rows from the line at ``position`` on: where they end, and their keys."""
        line = int(self._lines.searchsorted(position))
        unclean_before = int(self._unclean.searchsorted(line))
        stop = int(self._unclean[unclean_before])
        return int(self._lines[stop]), self._keys[line - unclean_before : stop - unclean_before]


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
        self._principal_types = [name.lower().encode() for name in principal_types if 0 < len(name.encode()) <= _WINDOW]

    def scan(self, data: bytes, start: int) -> ScannedLines:
        """Scan all whole lines from ``start`` on; there must be at least one."""
        grid = cut(data[start : data.rfind(b"\n") + 1], self._columns, _WINDOW)
        clean, keys = self._check(grid)
        lines_clean = np.zeros(len(grid.is_row), np.bool_)
        lines_clean[grid.is_row] = clean
        return ScannedLines(start, grid.lines, lines_clean, keys)

    def _check(self, grid: Grid) -> tuple[Flags, list[bytes]]:
        """Which rows of a grid are clean, and the keys of the clean ones."""
        lengths = grid.ends - grid.begins
        empty = lengths == 0
        unclean = (_UNCLEAN_START[grid.text[grid.begins]] & ~empty) | (lengths > _MAX_CLEAN_CELL)
        clean: Flags = ~(unclean.any(axis=0) | empty[self._required].any(axis=0))
        for column in self._types:
            clean &= self._have_principal_type(grid, column, lengths[column])
        for column in self._owners:
            _check_each(grid, column, _OWNERS, clean, clean & ~empty[column])
        principals = _windows(grid, self._principal, _GUID_LENGTH)
        are_guids = _have_guid_shape(principals) & (lengths[self._principal] == _GUID_LENGTH)
        _check_each(grid, self._principal, _PRINCIPAL, clean, clean & ~are_guids)
        permission_lengths = lengths[self._permission]
        are_short = permission_lengths <= _WINDOW
        width = int(permission_lengths.max(initial=1, where=are_short))
        permissions = _windows(grid, self._permission, width)
        if permission_lengths.min(initial=width) < width:
            permissions[np.arange(width) >= permission_lengths[:, None]] = 0
        if grid.has_quotes:
            # A doubled quote means one quote; the careful reader handles that.
            clean &= ~(permissions == QUOTE).any(axis=1)
        _check_each(grid, self._permission, _WITHOUT_QUOTE, clean, clean & ~are_short)
        keys = _row_keys(principals, permissions)
        slow = np.flatnonzero(clean & ~(are_guids & are_short))
        for row, key in zip(
            slow.tolist(),
            map(row_key, _cells(grid, self._principal, slow), _cells(grid, self._permission, slow)),
            strict=True,
        ):
            keys[row] = key
        return clean, keys if clean.all() else list(compress(keys, clean))

    def _have_principal_type(self, grid: Grid, column: int, lengths: Places) -> Flags:
        """Which rows have one of the allowed principal types."""
        allowed = np.zeros(len(lengths), np.bool_)
        for name in self._principal_types:
            rows = np.flatnonzero(lengths == len(name))
            cells = sliding_window_view(grid.text, len(name))[grid.begins[column, rows]]
            allowed[rows[np.frombuffer(cells.tobytes().lower(), f"S{len(name)}") == name]] = True
        return allowed


def _index(header: Sequence[Column], name: str) -> int:
    return [column.name for column in header].index(name)


def _windows(grid: Grid, column: int, width: int) -> NDArray[np.uint8]:
    """The first ``width`` bytes of each cell of a column, and what follows a cell that is shorter, as an array."""
    cells: NDArray[np.uint8] = sliding_window_view(grid.text, width)[grid.begins[column]]
    return cells


def _have_guid_shape(cells: NDArray[np.uint8]) -> Flags:
    """Which cells begin with a GUID."""
    shapes = np.frombuffer(cells.tobytes().translate(_TO_GUID_SHAPE), f"S{_GUID_LENGTH}")
    matches: Flags = shapes == _GUID_SHAPE
    return matches


def _row_keys(principals: NDArray[np.uint8], permissions: NDArray[np.uint8]) -> list[bytes]:
    """The ``row_key`` of rows whose principals are GUIDs and whose permissions are padded with zeros."""
    commas = np.full((len(principals), 1), COMMA, np.uint8)
    keys = np.concatenate((principals, commas, permissions), axis=1)
    joined: list[bytes] = np.frombuffer(keys.tobytes().lower(), f"S{keys.shape[1]}").tolist()
    return joined


def _cells(grid: Grid, column: int, rows: Places) -> Iterator[bytes]:
    """Yield a column's cells in these rows."""
    for begin, end in zip(grid.begins[column, rows].tolist(), grid.ends[column, rows].tolist(), strict=True):
        yield grid.raw[begin:end]


def _check_each(grid: Grid, column: int, rule: re.Pattern[bytes], clean: Flags, doubtful: Flags) -> None:
    """Match a column's cells in doubtful rows against a pattern; a row whose cell does not match is not clean."""
    rows = np.flatnonzero(doubtful)
    clean[rows] = [rule.fullmatch(cell) is not None for cell in _cells(grid, column, rows)]
