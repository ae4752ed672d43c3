"""Splits whole lines into cells, many at a time: the fast counterpart of ``careful.records``.

It handles rows of one line each, which is nearly every row of nearly every file. All work is done by NumPy operations
on whole arrays: a step of Python code for each cell would take ten times as long.
"""

from typing import NamedTuple

import numpy as np

from ..careful.encodings import encoded_twice
from .quotes import BITS, COMMA, CR, LF, QUOTE, Bytes, Flags, Places, enclosed_delimiters

# No byte of the controls is larger; of these, a line without faults has its line break and perhaps tabs.
_LAST_CONTROL = 0x1F
_TAB = 0x09
_FIRST_NOT_ASCII = 0x80

# Lines that are decoded at a time. To decode a whole batch leaves holes of its size in the heap: 40 MB in a large file.
_LINES_DECODED = 512

_NONE = np.empty(0, np.intp)


class Grid(NamedTuple):
    """The lines of a batch, and the cells of those lines that are complete rows.

    Attributes:
        raw: a line feed, the lines, and ``padding`` zero bytes. All offsets count from its start.
        text: the same bytes as an array.
        lines: where each line begins, and where the last one ends.
        is_row: for each line, whether it is a row: UTF-8 without control characters, with the expected number of
            cells, and without misplaced quotes.
        begins: where each cell of the rows begins, inside its quotes; shape (columns, rows).
        ends: where it ends.
        returned: which rows end with CRLF.
        has_quotes: whether any line has a quote.
        commas: those within cells, if they were asked for.
    """

    raw: bytes
    text: Bytes
    lines: Places
    is_row: Flags
    begins: Places
    ends: Places
    returned: Flags
    has_quotes: bool
    commas: Places

    def cell(self, column: int, row: int) -> bytes:
        """One cell."""
        return self.raw[self.begins[column, row] : self.ends[column, row]]


def cut(data: memoryview, columns: int, padding: int, *, separator: int = COMMA, finds_commas: bool = False) -> Grid:
    """Split whole lines, each as if it began outside quotes.

    Args:
        data: the lines, each with its line break.
        columns: the number of cells in a row.
        padding: the number of zero bytes after the last line, so that windows may reach beyond it.
        separator: the byte between two cells.
        finds_commas: whether to find the commas within cells.
    """
    # With a line feed in front, every cell lies between two delimiters.
    length = 1 + len(data)
    raw = b"".join((b"\n", data, bytes(padding + -(length + padding) % BITS)))
    text = np.frombuffer(raw, np.uint8)
    are_delimiters = text == separator
    are_delimiters |= text == LF
    are_quotes = text == QUOTE
    has_quotes = bool(are_quotes.any())
    misquoted = _leave_out_quoted(text, are_delimiters, are_quotes, separator) if has_quotes else None
    commas = _NONE
    if finds_commas and (separator != COMMA or has_quotes):
        commas = np.flatnonzero((text[:length] == COMMA) & ~are_delimiters[:length])
    delimiters = np.flatnonzero(are_delimiters)
    line_feeds = np.flatnonzero(text[delimiters] == LF)
    lines = delimiters[line_feeds] + 1
    is_row = ~_odd_lines(text[:length], lines)
    if misquoted is not None:
        is_row &= ~misquoted
    is_row &= np.diff(line_feeds) == columns
    ends = delimiters[line_feeds[1:][is_row] + np.arange(1 - columns, 1)[:, None]]
    begins = np.empty_like(ends)
    begins[0] = lines[:-1][is_row]
    begins[1:] = ends[:-1] + 1
    returned = text[ends[-1] - 1] == CR
    ends[-1] -= returned
    if has_quotes:
        quoted = text[begins] == QUOTE
        begins += quoted
        ends -= quoted
    return Grid(raw, text, lines, is_row, begins, ends, returned, has_quotes, commas)


def _odd_lines(text: Bytes, lines: Places) -> Flags:
    """The lines with a control character but tabs, or with bytes that may not be UTF-8, or be UTF-8 twice."""
    odd = np.zeros(len(lines) - 1, np.bool_)
    returns = np.count_nonzero(text[lines[1:] - 2] == CR)
    if np.count_nonzero(text <= _LAST_CONTROL) != len(lines) + returns:
        controls = np.flatnonzero((text <= _LAST_CONTROL) & (text != LF) & (text != _TAB))
        odd[_line_of(controls[(text[controls] != CR) | (text[controls + 1] != LF)], lines)] = True
    for first in range(0, len(odd), _LINES_DECODED):
        begin, end = lines[first], lines[min(first + _LINES_DECODED, len(odd))]
        try:
            is_odd = encoded_twice(str(text.data[begin:end], "utf-8"))
        except UnicodeDecodeError:
            is_odd = True
        if is_odd:
            odd[_line_of(begin + np.flatnonzero(text[begin:end] >= _FIRST_NOT_ASCII), lines)] = True
    return odd


def _line_of(places: Places, lines: Places) -> Places:
    """The index of the line of each place."""
    return lines.searchsorted(places, side="right") - 1


def _leave_out_quoted(text: Bytes, are_delimiters: Flags, are_quotes: Flags, separator: int) -> Flags | None:
    """Remove the flags of the delimiters inside quotes.

    Returns:
        For each line, whether it has misplaced quotes; ``None`` if no line has. Their quotes do not count, so that the
        next line begins outside quotes.
    """
    enclosed, well_placed = enclosed_delimiters(text, are_delimiters, are_quotes)
    misquoted = None
    if not well_placed:
        quotes = np.flatnonzero(are_quotes)
        lines = np.flatnonzero(text == LF) + 1
        in_line = _line_of(quotes, lines)
        misquoted = np.zeros(len(lines) - 1, np.bool_)
        misquoted[in_line[_odd_quotes(text, quotes, in_line, lines, separator)]] = True
        are_quotes = are_quotes.copy()
        are_quotes[quotes[misquoted[in_line]]] = False
        enclosed, _ = enclosed_delimiters(text, are_delimiters, are_quotes)
    are_delimiters[enclosed] = False
    return misquoted


def _odd_quotes(text: Bytes, quotes: Places, in_line: Places, lines: Places, separator: int) -> Flags:
    """The misplaced quotes: those that neither open nor close a cell and are not doubled (RFC 4180, section 2).

    The last quote of a line with an odd number of quotes is one of them.
    """
    firsts = quotes.searchsorted(lines)
    ordinals = np.arange(len(quotes)) - firsts[in_line]
    opens = ordinals % 2 == 0
    before, after = text[quotes - 1], text[quotes + 1]
    opens_well = (before == separator) | (before == LF) | (before == QUOTE)
    closes_well = (after == separator) | (after == LF) | (after == CR) | (after == QUOTE)
    is_last = ordinals == np.diff(firsts)[in_line] - 1
    odd: Flags = np.where(opens, ~opens_well | is_last, ~closes_well)
    return odd
