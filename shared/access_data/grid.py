"""Splits whole lines into cells, many at a time: the fast counterpart of ``records``.

It handles rows of one line each, which is nearly every row of nearly every file. All work is done by NumPy operations
on whole arrays: a step of Python code for each cell would take ten times as long.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]
Flags = NDArray[np.bool_]

COMMA, QUOTE, CR, LF = b',"\r\n'


@dataclass(frozen=True, slots=True)
class Grid:
    """The lines of a batch, and the cells of those lines that are complete rows.

    Attributes:
        raw: the lines, followed by ``padding`` zero bytes. All offsets count from its start.
        text: the same bytes as an array.
        lines: where each line begins, and where the last one ends.
        is_row: for each line, whether it is a row: UTF-8 without NUL bytes, with the expected number of cells, and
            without misplaced quotes or carriage returns.
        begins: where each cell of the rows begins, inside its quotes; shape (columns, rows).
        ends: where it ends.
        has_quotes: whether any of the rows has a quote.
    """

    raw: bytes
    text: NDArray[np.uint8]
    lines: Places
    is_row: Flags
    begins: Places
    ends: Places
    has_quotes: bool


def cut(data: bytes, columns: int, padding: int) -> Grid:
    """Split whole lines, each as if it began outside quotes.

    Args:
        data: the lines, each with its line break.
        columns: the number of cells in a row.
        padding: the number of zero bytes after the last line, so that windows may reach beyond it.
    """
    raw = data + bytes(padding)
    text = np.frombuffer(raw, np.uint8)
    marks = np.flatnonzero((text == COMMA) | (text == LF))
    line_ends = marks[text[marks] == LF]
    lines = np.concatenate((np.zeros(1, np.intp), line_ends + 1))
    is_row = ~_odd_lines(data, text, line_ends)
    quotes = np.flatnonzero(text == QUOTE)
    if len(quotes):
        in_line = line_ends.searchsorted(quotes)
        is_row[in_line[_odd_quotes(text, quotes, in_line, lines)]] = False
        # In the remaining rows quotes alternate: one opens, the next one closes.
        quotes = quotes[is_row[in_line]]
        marks = _outside(marks, quotes[::2], quotes[1::2])
    last_marks = np.flatnonzero(text[marks] == LF)
    is_row &= np.diff(last_marks, prepend=-1) == columns
    ends = marks[last_marks[is_row] + np.arange(1 - columns, 1)[:, None]]
    begins = np.empty_like(ends)
    begins[0] = lines[:-1][is_row]
    begins[1:] = ends[:-1] + 1
    ends[-1] -= text[ends[-1] - 1] == CR
    if len(quotes):
        quoted = text[begins] == QUOTE
        begins += quoted
        ends -= quoted
    return Grid(raw, text, lines, is_row, begins, ends, len(quotes) > 0)


def _odd_lines(data: bytes, text: NDArray[np.uint8], line_ends: Places) -> Flags:
    """The lines with a NUL byte, a carriage return within the line, or bytes that may not be UTF-8."""
    odd = np.zeros(len(line_ends), np.bool_)
    if b"\0" in data:
        odd[line_ends.searchsorted(np.flatnonzero(text[: len(data)] == 0))] = True
    if np.count_nonzero(text == CR) != np.count_nonzero(text[line_ends - 1] == CR):
        returns = np.flatnonzero(text == CR)
        odd[line_ends.searchsorted(returns[text[returns + 1] != LF])] = True
    try:
        data.decode()
    except UnicodeDecodeError:
        odd[line_ends.searchsorted(np.flatnonzero(text >= 0x80))] = True
    return odd


def _odd_quotes(text: NDArray[np.uint8], quotes: Places, in_line: Places, lines: Places) -> Flags:
    """The misplaced quotes: those that neither open nor close a cell and are not doubled (RFC 4180, section 2).

    The last quote of a line with an odd number of quotes is one of them.
    """
    firsts = quotes.searchsorted(lines)
    ordinals = np.arange(len(quotes)) - firsts[in_line]
    opens = ordinals % 2 == 0
    before, after = text[quotes - 1], text[quotes + 1]
    opens_well = (quotes == lines[in_line]) | (before == COMMA) | (before == QUOTE)
    closes_well = (after == COMMA) | (after == LF) | (after == CR) | (after == QUOTE)
    is_last = ordinals == np.diff(firsts)[in_line] - 1
    odd: Flags = np.where(opens, ~opens_well | is_last, ~closes_well)
    return odd


def _outside(marks: Places, opening: Places, closing: Places) -> Places:
    """The marks that are outside quotes."""
    opened = np.bincount(marks.searchsorted(opening), minlength=len(marks) + 1)
    closed = np.bincount(marks.searchsorted(closing), minlength=len(marks) + 1)
    outside: Places = marks[(opened - closed).cumsum()[:-1] == 0]
    return outside
