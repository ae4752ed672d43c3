"""The careful reader: splits CSV into records (RFC 4180), one at a time, with the physical line of each cell.

It reports faults in a record and continues after them. ``clean_rows`` is the fast reader, which only recognizes records
without faults.
"""

from dataclasses import dataclass

from .patterns import compiled

# A record is kept in memory while it is read. No layout comes near this limit; an unclosed quote does.
MAX_RECORD_BYTES = 1024 * 1024

# Many more than any layout has. Without a limit, a row of half a million commas would take seconds and 40 MB.
MAX_CELLS = 1000

_CELL = compiled(rb'(?:"((?:[^"]++|"")*+)("?)([^,\n]*+)|([^,\n]*+))([,\n]?)')


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its bytes without the quotes, and the number of lines from the record's first line to the cell's own.

    ``fault`` is a finding's code if the quoting is wrong: ``strayQuote`` or ``unclosedQuote``.
    """

    value: bytes
    quoted: bool
    lines_down: int
    fault: str | None


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """A record. ``end`` is the position after its line break.

    ``too_long`` means that it has no end within the limits. Then it has no cells and ends with the first line break
    beyond the limit; ``open`` means that this line break has not been received yet.
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
    """Read the record that begins at ``start``; ``None`` if its end has not been received yet.

    Args:
        data: the bytes received so far.
        start: where the record begins; less than the length of ``data``.
        final: whether the file ends with ``data``.
    """
    cells: list[Cell] = []
    position = start
    lines_down = 0
    while True:
        match = _CELL.match(data, position)
        if match is None:  # cannot happen: the pattern matches the empty string
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
