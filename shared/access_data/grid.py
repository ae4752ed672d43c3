"""Splits whole lines into cells, many at a time: the fast counterpart of ``records``.

It handles rows of one line each, which is nearly every row of nearly every file. All work is done by NumPy operations
on whole arrays: a step of Python code for each cell would take ten times as long.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]
Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

COMMA, QUOTE, CR, LF = b',"\r\n'

# No byte of the controls is larger; of these, a line without faults has its line break and perhaps tabs.
_LAST_CONTROL = CR


@dataclass(frozen=True, slots=True)
class Grid:
    """The lines of a batch, and the cells of those lines that are complete rows.

    Attributes:
        raw: a line feed, the lines, and ``padding`` zero bytes. All offsets count from its start.
        text: the same bytes as an array.
        lines: where each line begins, and where the last one ends.
        is_row: for each line, whether it is a row: UTF-8 without NUL bytes, with the expected number of cells, and
            without misplaced quotes or carriage returns.
        begins: where each cell of the rows begins, inside its quotes; shape (columns, rows).
        ends: where it ends.
        has_quotes: whether any line has a quote.
    """

    raw: bytes
    text: Bytes
    lines: Places
    is_row: Flags
    begins: Places
    ends: Places
    has_quotes: bool

    def cell(self, column: int, row: int) -> bytes:
        """One cell."""
        return self.raw[self.begins[column, row] : self.ends[column, row]]


def cut(data: memoryview, columns: int, padding: int) -> Grid:
    """Split whole lines, each as if it began outside quotes.

    Args:
        data: the lines, each with its line break.
        columns: the number of cells in a row.
        padding: the number of zero bytes after the last line, so that windows may reach beyond it.
    """
    # With a line feed in front, every cell lies between two delimiters.
    raw = b"".join((b"\n", data, bytes(padding)))
    text = np.frombuffer(raw, np.uint8)
    marks = _marks(text)
    kinds = text[marks]
    lines = marks[np.flatnonzero(kinds == LF)] + 1
    is_row = ~_odd_lines(text[: len(text) - padding], lines)
    quotes = np.flatnonzero(kinds == QUOTE)
    delimiters = _outside_quotes(text, marks, quotes, lines, is_row) if len(quotes) else marks
    line_feeds = np.flatnonzero(text[delimiters] == LF)
    is_row &= np.diff(line_feeds) == columns
    ends = delimiters[line_feeds[1:][is_row] + np.arange(1 - columns, 1)[:, None]]
    begins = np.empty_like(ends)
    begins[0] = lines[:-1][is_row]
    begins[1:] = ends[:-1] + 1
    ends[-1] -= text[ends[-1] - 1] == CR
    if len(quotes):
        quoted = text[begins] == QUOTE
        begins += quoted
        ends -= quoted
    return Grid(raw, text, lines, is_row, begins, ends, len(quotes) > 0)


def _marks(text: Bytes) -> Places:
    """Where the commas, line feeds and quotes are."""
    are_marks = text == COMMA
    are_marks |= text == LF
    are_marks |= text == QUOTE
    return np.flatnonzero(are_marks)


def _odd_lines(text: Bytes, lines: Places) -> Flags:
    """The lines with a NUL byte, a carriage return within the line, or bytes that may not be UTF-8."""
    odd = np.zeros(len(lines) - 1, np.bool_)
    returns = np.count_nonzero(text[lines[1:] - 2] == CR)
    if np.count_nonzero(text <= _LAST_CONTROL) != len(lines) + returns:
        controls = np.flatnonzero((text == 0) | (text == CR))
        odd[_line_of(controls[(text[controls] == 0) | (text[controls + 1] != LF)], lines)] = True
    try:
        str(text.data, "utf-8")
    except UnicodeDecodeError:
        odd[_line_of(np.flatnonzero(text >= 0x80), lines)] = True
    return odd


def _line_of(places: Places, lines: Places) -> Places:
    """The index of the line of each place."""
    return lines.searchsorted(places, side="right") - 1


def _outside_quotes(text: Bytes, marks: Places, quotes: Places, lines: Places, is_row: Flags) -> Places:
    """The delimiters outside quotes. A line with misplaced quotes is no row, and its quotes do not count.

    Args:
        text: the text of the grid.
        marks: where its delimiters and quotes are.
        quotes: the indexes of the quotes among the marks.
        lines: where its lines begin.
        is_row: for each line, whether it may be a row; changed here.
    """
    are_outside = np.ones(len(marks), np.bool_)
    are_outside[quotes] = False
    enclosed = _enclosed(quotes)
    if not _alternate(text, marks[quotes]) or (text[marks[enclosed]] == LF).any():
        in_line = _line_of(marks[quotes], lines)
        is_row[in_line[_odd_quotes(text, marks[quotes], in_line, lines)]] = False
        enclosed = _enclosed(quotes[is_row[in_line]])
    are_outside[enclosed] = False
    return marks[np.flatnonzero(are_outside)]


def _enclosed(quotes: Places) -> Places:
    """The indexes of the marks inside quotes, if the quotes alternate: one opens, the next one closes."""
    opening = quotes[: len(quotes) // 2 * 2 : 2]
    counts = quotes[1::2] - opening - 1
    some = np.flatnonzero(counts)
    firsts, counts = opening[some] + 1, counts[some]
    return np.repeat(firsts - (counts.cumsum() - counts), counts) + np.arange(counts.sum())


def _alternate(text: Bytes, quotes: Places) -> bool:
    """Whether the quotes open and close cells in turn, or are doubled inside one."""
    opening, closing = quotes[::2], quotes[1::2]
    return (
        len(opening) == len(closing) and bool(_may_open(text, opening).all()) and bool(_may_close(text, closing).all())
    )


def _may_open(text: Bytes, quotes: Places) -> Flags:
    before = text[quotes - 1]
    good: Flags = (before == COMMA) | (before == LF) | (before == QUOTE)
    return good


def _may_close(text: Bytes, quotes: Places) -> Flags:
    after = text[quotes + 1]
    good: Flags = (after == COMMA) | (after == LF) | (after == CR) | (after == QUOTE)
    return good


def _odd_quotes(text: Bytes, quotes: Places, in_line: Places, lines: Places) -> Flags:
    """The misplaced quotes: those that neither open nor close a cell and are not doubled (RFC 4180, section 2).

    The last quote of a line with an odd number of quotes is one of them.
    """
    firsts = quotes.searchsorted(lines)
    ordinals = np.arange(len(quotes)) - firsts[in_line]
    is_last = ordinals == np.diff(firsts)[in_line] - 1
    odd: Flags = np.where(ordinals % 2 == 0, ~_may_open(text, quotes) | is_last, ~_may_close(text, quotes))
    return odd
