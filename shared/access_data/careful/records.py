"""The careful reader: splits CSV into records (RFC 4180), one at a time, with the physical line of each cell.

It reports faults in a record and continues after them. ``clean_rows`` is the fast reader, which only recognizes records
without faults.
"""

import re
from typing import NamedTuple

from ..codes import Code
from .blank import is_blank

# A record is kept in memory while it is read. No layout comes near this limit; an unclosed quote does.
MAX_RECORD_BYTES = 1024 * 1024

# Many more than any layout has. Without a limit, a row of half a million commas would take seconds and 40 MB.
MAX_CELLS = 1000

# Bytes that are kept of a cell without an end: enough for a message.
_SHOWN_BYTES = 1024

_QUOTED_OR = rb'(?:"((?:[^"]++|"")*+)("?)([^,\n]*+)|(%b))([,\n]?)'
_PLAIN = rb"[^,\n]*+"

# The same for a cell that begins with a bracket and may be a JSON array. It reaches to the first closing bracket
# outside JSON strings, and the text after it, or to the end of the line. A string without an end reaches to the end of
# the line, where no bracket follows.
_STRING = rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"?+'
_ARRAY = rb'\[[^"\]\n]*+(?:%b[^"\]\n]*+)*+\][^,\n]*+|\[[^\n]*+' % _STRING


class _Patterns(NamedTuple):
    """How cells are read that are separated by one character."""

    cell: re.Pattern[bytes]
    array: re.Pattern[bytes]


def _separated(pattern: bytes, separator: bytes) -> re.Pattern[bytes]:
    return re.compile((_QUOTED_OR % pattern).replace(b",", re.escape(separator)))


SEPARATORS = {b",": "comma", b";": "semicolon", b"\t": "tab", b"|": "vertical bar"}
"""What may separate cells, with its name."""

_PATTERNS = {each: _Patterns(_separated(_PLAIN, each), _separated(_ARRAY, each)) for each in SEPARATORS}


class Cell(NamedTuple):
    """A cell: its bytes without the quotes, and where it begins.

    ``begin`` is its position in the data; ``lines_down`` the number of lines from the record's first line to its own;
    ``fault`` the code if its quoting is wrong: ``STRAY_QUOTE`` or ``UNCLOSED_QUOTE``; ``is_array`` whether it was read
    as a JSON array without quotes.
    """

    value: bytes
    quoted: bool
    begin: int
    lines_down: int
    fault: Code | None
    is_array: bool = False


class CsvRecord(NamedTuple):
    """A record. ``end`` is the position after its line break.

    ``too_long`` means that it has no end within the limits. Then it ends with the first line break beyond the limit;
    ``open`` means that this line break has not been received yet. Its cells are those within the limits.
    """

    end: int
    cells: tuple[Cell, ...]
    too_long: bool = False
    open: bool = False

    @property
    def blank(self) -> bool:
        """Whether it is an empty line."""
        return not self.too_long and len(self.cells) == 1 and not self.cells[0].value and not self.cells[0].quoted

    @property
    def empty(self) -> bool:
        """Whether it has no value: every cell is empty, or shows nothing."""
        return not self.too_long and all(
            not cell.fault and (not cell.value or is_blank(cell.value.decode(errors="replace"))) for cell in self.cells
        )

    @property
    def unclosed(self) -> int | None:
        """The index of the first cell whose quote is not closed."""
        return next((index for index, cell in enumerate(self.cells) if cell.fault is Code.UNCLOSED_QUOTE), None)


def read_record(
    data: bytes, start: int, *, final: bool, array_column: int | None = None, separator: bytes = b","
) -> CsvRecord | None:
    """Read the record that begins at ``start``; ``None`` if its end has not been received yet.

    Args:
        data: the bytes received so far.
        start: where the record begins; less than the length of ``data``.
        final: whether the file ends with ``data``.
        array_column: the index of the column in which an unquoted cell may be a JSON array with separators in it.
        separator: the character between two cells, of ``SEPARATORS``.
    """
    patterns = _PATTERNS[separator]
    cells: list[Cell] = []
    position = start
    lines_down = 0
    while True:
        begin = position
        pattern = patterns.cell
        if len(cells) == array_column and data.startswith(b"[", begin):
            pattern = patterns.array
            # Before the end of the line it is not known whether a bracket closes the array.
            line_end = data.find(b"\n", begin)
            if line_end < 0 and not final and len(data) - start <= MAX_RECORD_BYTES:
                return None
            if (len(data) - 1 if line_end < 0 else line_end) - start >= MAX_RECORD_BYTES:
                return _too_long(data, start + MAX_RECORD_BYTES, cells)
        match = pattern.match(data, begin)
        if match is None:  # cannot happen: the pattern matches the empty string
            raise AssertionError
        quoted_value, closing, rest, plain, delimiter = match.groups()
        position = match.end()
        if position - start > MAX_RECORD_BYTES:
            if match.end(1) - start >= MAX_RECORD_BYTES:
                cut = data[begin + 1 : begin + _SHOWN_BYTES]
                cells.append(Cell(cut, True, begin, lines_down, Code.UNCLOSED_QUOTE))
            return _too_long(data, start + MAX_RECORD_BYTES, cells)
        if not delimiter and not final:
            return None
        ends = delimiter != separator
        if quoted_value is None:
            value = plain.removesuffix(b"\r") if ends else plain
            is_array = pattern is patterns.array
            fault = Code.STRAY_QUOTE if b'"' in value and not is_array else None
            cells.append(Cell(value, False, begin, lines_down, fault, is_array))
        else:
            rest = rest.removesuffix(b"\r") if ends else rest
            value = quoted_value.replace(b'""', b'"') + rest
            cells.append(Cell(value, True, begin, lines_down, _quote_fault(quoted_value, closing, rest)))
            lines_down += quoted_value.count(b"\n")
        if ends:
            return CsvRecord(position, tuple(cells))
        if len(cells) == MAX_CELLS:
            return _too_long(data, position, cells)


def _quote_fault(quoted: bytes, closing: bytes, rest: bytes) -> Code | None:
    if closing and not rest:
        return None
    # If text follows the closing quote some lines below, that quote belongs to another row.
    return Code.UNCLOSED_QUOTE if not closing or b"\n" in quoted else Code.STRAY_QUOTE


def _too_long(data: bytes, limit: int, cells: list[Cell]) -> CsvRecord:
    line_break = data.find(b"\n", limit)
    if line_break < 0:
        return CsvRecord(len(data), tuple(cells), too_long=True, open=True)
    return CsvRecord(line_break + 1, tuple(cells), too_long=True)
