"""Cuts CSV into records as RFC 4180 has them, one at a time, and knows the physical line on which each cell begins.

This is the careful reader: it names what is wrong with a record, and finds its way back after it.
``shared.access_data.clean_rows`` is the quick one, which only knows records that are right.
"""

import re
from dataclasses import dataclass

# A record is held whole while it is read. None of the layouts comes near this; an unclosed quote does.
MAX_RECORD_BYTES = 1024 * 1024

# Many more than any layout has; half a million commas in a row would take seconds and 40 MB otherwise.
MAX_CELLS = 1000

_CELL = re.compile(rb'(?:"((?:[^"]++|"")*+)("?)([^,\n]*+)|([^,\n]*+))([,\n]?)')


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its bytes without the quotes, and the lines between the record's first line and its own.

    ``fault`` is a code if its quoting is wrong: ``strayQuote`` or ``unclosedQuote``.
    """

    value: bytes
    quoted: bool
    lines_down: int
    fault: str | None


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """A record, which ends before ``end``, behind its line break.

    ``too_long`` if it has no end within the limit: it has no cells then, and ends with the first line break behind the
    limit; ``open`` if that has not come yet.
    """

    end: int
    cells: tuple[Cell, ...]
    too_long: bool = False
    open: bool = False

    @property
    def blank(self) -> bool:
        """Whether it is an empty line."""
        return not self.too_long and len(self.cells) == 1 and not self.cells[0].value and not self.cells[0].quoted


def read_record(data: bytes, start: int, *, final: bool) -> CsvRecord | None:
    """The record that begins at ``start``; ``None`` if its end is not among these bytes yet.

    Args:
        data: the bytes at hand.
        start: where the record begins; before the end of ``data``.
        final: whether the file ends with ``data``.
    """
    cells: list[Cell] = []
    position = start
    lines_down = 0
    while True:
        match = _CELL.match(data, position)
        if match is None:  # the pattern matches anything, even nothing
            raise AssertionError
        quoted_value, closing, rest, plain, delimiter = match.groups()
        position = match.end()
        if position - start > MAX_RECORD_BYTES:
            return _too_long(data, start + MAX_RECORD_BYTES)
        if not delimiter and not final:
            return None
        ends = delimiter != b","
        if quoted_value is None:
            value = plain.removesuffix(b"\r") if ends else plain
            cell = Cell(value, False, lines_down, "strayQuote" if b'"' in value else None)
        else:
            rest = rest.removesuffix(b"\r") if ends else rest
            fault = None if closing and not rest else "strayQuote" if closing else "unclosedQuote"
            cell = Cell(quoted_value.replace(b'""', b'"') + rest, True, lines_down, fault)
            lines_down += quoted_value.count(b"\n")
        cells.append(cell)
        if ends:
            return CsvRecord(position, tuple(cells))
        if len(cells) == MAX_CELLS:
            return _too_long(data, position)


def _too_long(data: bytes, limit: int) -> CsvRecord:
    line_break = data.find(b"\n", limit)
    if line_break < 0:
        return CsvRecord(len(data), (), too_long=True, open=True)
    return CsvRecord(line_break + 1, (), too_long=True)
