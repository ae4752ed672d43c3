"""Reads a list as people export it, as it arrives: CSV with a header that names certain columns.

The separator is that of the header: a comma, a semicolon, a tab or a bar. The text is UTF-8, or UTF-16 with its byte
order mark. Lines above the header, such as a title or the ``#TYPE`` line of Windows PowerShell, are skipped.
"""

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from io import IncrementalNewlineDecoder, StringIO
from typing import NamedTuple

from ..careful.beginning import BEGINNING_BYTES, read_beginning
from ..codes import Code
from ..findings import Finding, shown

SEPARATORS = (",", ";", "\t", "|")

# Lines above the header: exports have one or two.
MAX_LINES_ABOVE = 20

# Text that is kept until a row is complete. A quote that is not closed would make it the rest of the list.
MAX_ROW_CHARACTERS = 256 * 1024

# Findings that are reported. A list with more of them has the same fault in each row.
MAX_FINDINGS = 20

_ABOUT_SEPARATOR = (Code.SEMICOLON_SEPARATOR, Code.TAB_SEPARATOR, Code.OTHER_SEPARATOR)
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ListError(Exception):
    """A list that is refused: ``findings`` has at least one, with its line."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings[0].message)
        self.findings = tuple(findings[:MAX_FINDINGS])


class ListRow(NamedTuple):
    """A row: the physical line on which it begins, counted from 1, and a cell for each column of the header."""

    line: int
    cells: list[str]


class ListReader:
    """Splits a list into rows. Its memory is that of the longest row."""

    def __init__(self, is_header: Callable[[Sequence[str]], bool], missing: str) -> None:
        """Read a list.

        Args:
            is_header: whether cells are those of the header.
            missing: what to say of a list without such a header.
        """
        self.columns: list[str] = []
        self.header_line = 0
        self._is_header = is_header
        self._missing = missing
        self._beginning = b""
        self._decoder: IncrementalNewlineDecoder | None = None
        self._separator = ""
        self._text = ""
        self._line = 1  # on which the text begins

    def read(self, data: bytes, *, final: bool = False) -> list[ListRow]:
        """The rows that the next bytes complete.

        Raises:
            ListError: it cannot be read.
        """
        self._text += self._decoded(data, final=final)
        if not self._separator and not self._find_header(final=final):
            return []
        end = self._end_of_rows(final=final)
        rows, self._text = self._text[:end], self._text[end:]
        return list(self._rows(rows)) if rows else []

    def _decoded(self, data: bytes, *, final: bool) -> str:
        if self._decoder is None:
            self._beginning += data
            if len(self._beginning) < BEGINNING_BYTES and not final:
                return ""
            data, self._beginning = self._beginning, b""
            self._decoder = IncrementalNewlineDecoder(codecs.getincrementaldecoder(_encoding(data))(), translate=True)
        try:
            return str(self._decoder.decode(data, final=final))
        except UnicodeDecodeError as error:
            line = self._line + self._text.count("\n") + error.object[: error.start].count(b"\n")
            message = f"The list is not {error.encoding.upper()} text on this line. Save it as CSV UTF-8."
            raise ListError([Finding(Code.INVALID_UTF8, message, line)]) from None

    def _find_header(self, *, final: bool) -> bool:
        while self._line <= MAX_LINES_ABOVE:
            line, end, rest = self._text.partition("\n")
            if not end and not final:
                break
            if len(line) > csv.field_size_limit():
                raise self._without_header()
            for separator in SEPARATORS:
                cells = next(csv.reader([line], delimiter=separator), [])
                if self._is_header(cells):
                    self.columns, self.header_line, self._separator = cells, self._line, separator
            self._text, self._line = rest, self._line + 1
            if self._separator:
                return True
            if not end:
                raise self._without_header()
        if self._line > MAX_LINES_ABOVE or len(self._text) > MAX_ROW_CHARACTERS:
            raise self._without_header()
        return False

    def _without_header(self) -> ListError:
        return ListError([Finding(Code.MISSING_HEADER, self._missing, 1)])

    def _end_of_rows(self, *, final: bool) -> int:
        """Where the last complete row ends: with a line break before which quotes are balanced."""
        end = len(self._text) if final else self._text.rfind("\n") + 1
        if self._text.count('"', 0, end) % 2:
            if final:
                raise self._unclosed()
            end = 0
        if end == 0 and len(self._text) > MAX_ROW_CHARACTERS:
            raise self._unclosed()
        return end

    def _unclosed(self) -> ListError:
        line, quotes = self._line, 0
        for number, text in enumerate(self._text.split("\n"), self._line):
            line = line if quotes % 2 else number
            quotes += text.count('"')
        message = 'A quote (") is not closed on this line or after it. Close it, or remove it.'
        return ListError([Finding(Code.UNCLOSED_QUOTE, message, line)])

    def _rows(self, text: str) -> Iterator[ListRow]:
        reader = csv.reader(StringIO(text, newline="\n"), delimiter=self._separator, strict=True)
        first, width, done = self._line, len(self.columns), 0
        try:
            for cells in reader:
                line, done = first + done, reader.line_num
                if not any(cells):
                    continue
                if len(cells) == width:
                    yield ListRow(line, cells)
                else:
                    raise ListError([self._wrong_width(line, cells)])
        except csv.Error as error:
            message = f"This row cannot be read as CSV: {error}."
            raise ListError([Finding(Code.STRAY_QUOTE, message, first + done)]) from None
        self._line += text.count("\n")

    def _wrong_width(self, line: int, cells: Sequence[str]) -> Finding:
        few = len(cells) < len(self.columns)
        message = f"The row has {len(cells)} cells, and the header {len(self.columns)}."
        return Finding(Code.TOO_FEW_FIELDS if few else Code.TOO_MANY_FIELDS, message, line)


def _encoding(data: bytes) -> str:
    """The encoding of a list by its beginning.

    Raises:
        ListError: it is no text.
    """
    if data.startswith(_UTF16_MARKS):
        return "utf-16"
    finding = read_beginning(data).finding
    if finding is not None and finding.code not in _ABOUT_SEPARATOR:
        raise ListError([finding])
    return "utf-8-sig"


def duplicate_names(names: Sequence[str], line: int) -> list[Finding]:
    """A finding for each name that a header has twice; names are given as they are compared."""
    seen: set[str] = set()
    found = []
    for name in names:
        if name and name in seen:
            message = f"The header has the column {shown(name)} twice. Remove one of them."
            found.append(Finding(Code.DUPLICATE_COLUMN, message, line, shown(name)))
        seen.add(name)
    return found
