"""How the rows of one file are made: which steps it needs, and what comes out."""

from collections.abc import Collection
from enum import Enum, auto
from typing import NamedTuple

from ..careful.header import HEADER_RULE, read_header, separator_finding
from ..careful.records import SEPARATORS, CsvRecord
from ..careful.sources import Source
from ..codes import Code
from ..findings import Finding, MadeRows
from ..layouts import Layout
from ..separating.conversions import Conversion, Conversions
from .columns import Columns, in_order, known_names, read_columns
from .declaration import Declaration
from .decoding import Decoder
from .matching import Matching
from .principals import PrincipalMatcher
from .separators import COMMA, separate_header
from .writing import write_header, write_row

_OTHER_SEPARATORS = {b";": Conversion.SEMICOLONS, b"\t": Conversion.TABS, b"|": Conversion.VERTICAL_BARS}

# Names of a file's columns that are reported.
_MOST_NAMES = 100


class Writes(Enum):
    """Whether the rows of a file are written in Graph's form."""

    NEVER = auto()
    """The file is checked only."""
    IF_NEEDED = auto()
    """Unless the file is in this form."""
    ALWAYS = auto()


class Steps(NamedTuple):
    """What may be done with a file that is not in Graph's form.

    Attributes:
        declaration: what is declared for the application of the file.
        matcher: matches the principals with users.
        allowed: whether anything is done; otherwise such a file has findings.
        writes: whether the rows are written.
    """

    declaration: Declaration | None = None
    matcher: PrincipalMatcher | None = None
    allowed: bool = True
    writes: Writes = Writes.NEVER


ALLOWED = Steps()
"""What needs no declaration; the rows are not written."""


class Making:
    """What the validator needs to know of the steps of one file. Nothing of it is used for rows in Graph's form.

    ``separator``, ``encoding`` (``None`` for UTF-8), ``columns`` and ``sources`` are known once the header is read, and
    ``writes`` says from then on whether rows are made.
    """

    def __init__(self, steps: Steps, principal_types: Collection[str], conversions: Conversions) -> None:
        """Begin a file, whose ``conversions`` say what nobody has declared."""
        self._conversions = conversions
        self._allowed = steps.allowed
        self._declaration = steps.declaration if steps.allowed else None
        self._principal_types = principal_types
        self._writes = steps.writes
        self._decoder = Decoder(self._declaration.encoding if self._declaration else None) if steps.allowed else None
        self._separator = None if steps.allowed else COMMA
        self._is_declared = False  # that the columns have other sources
        self._written: list[bytes | memoryview] = []
        self.matching = Matching(steps.matcher) if steps.matcher is not None and steps.allowed else None
        self.columns: Columns | None = None
        self.sources: tuple[Source, ...] = ()
        self.writes = False

    @property
    def separator(self) -> bytes:
        """What separates the cells."""
        return self._separator or COMMA

    @property
    def encoding(self) -> str | None:
        """What the file is decoded from; ``None`` for UTF-8."""
        return self._decoder.encoding if self._decoder else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the file's columns, as far as they could be read."""
        return self.columns.names[:_MOST_NAMES] if self.columns else ()

    def decode(self, data: bytes, *, final: bool = False) -> bytes:
        """The next bytes of the file, as UTF-8."""
        return data if self._decoder is None else self._decoder.feed(data, final=final)

    def take_separator_line(self, separator: bytes) -> Finding | None:
        """Take a line before the header that names the separator; what is wrong with it."""
        if self._allowed and separator in SEPARATORS:
            self._separator = separator
            self._conversions.note(Conversion.SEPARATOR_LINE, 1)
            return None
        if separator != COMMA:
            return separator_finding(separator.decode("latin-1"), 1)
        return Finding(Code.MISSING_HEADER, f"The file begins with a line for Excel. {HEADER_RULE}", 1)

    def header_record(self, data: bytes, start: int, *, final: bool) -> CsvRecord | None:
        """The record that is the header; ``None`` if its end has not been received yet."""
        known = known_names(self._declaration)
        header = separate_header(data, start, known, final=final, only=self._separator)
        if header is None:
            return None
        self._separator = header.separator
        return header.record

    def take_header(self, raw: bytes, record: CsvRecord, line: int) -> Columns:
        """Read the header, and know by it what is to be done.

        Args:
            raw: the bytes of the header.
            record: the same as a record.
            line: its physical line.
        """
        header = read_header(raw, record, line, encoding=self.encoding)
        columns = read_columns(header, line, self._declaration, self._principal_types, trims=self._allowed)
        self.columns, self.sources = columns, columns.sources
        if columns.layout is not None and not columns.findings:
            self._note(columns, line)
            self._begin(columns, columns.layout)
        return columns

    def _note(self, columns: Columns, line: int) -> None:
        """Note what is done that nobody has declared."""
        if self._decoder is not None and self._decoder.by_mark:
            self._conversions.note(Conversion.UTF16, line)
        if self.separator != COMMA:
            self._conversions.note(_OTHER_SEPARATORS[self.separator], line)
        if columns.trimmed:
            self._conversions.note(Conversion.BLANKS_IN_NAMES, line)

    def _begin(self, columns: Columns, layout: Layout) -> None:
        self._is_declared = columns.is_step
        self.writes = self._writes is Writes.ALWAYS or (bool(self._steps()) and self._writes is Writes.IF_NEEDED)
        if self.writes:
            self.sources = in_order(layout, columns.sources)
            self.write(write_header(layout))

    def _steps(self) -> tuple[str, ...]:
        """The steps that the file needs, as far as is known. What is not plain CSV may follow much later."""
        needed = {
            "decode": self.encoding is not None,
            "separate": self._conversions.any_of_separating,
            "columns": self._is_declared,
            "principals": self.matching is not None,
        }
        return tuple(step for step, is_needed in needed.items() if is_needed)

    def write(self, rows: bytes | memoryview) -> None:
        """Add rows in Graph's form."""
        self._written.append(rows)

    def write_row(self, cells: Collection[bytes]) -> None:
        """Add one row by its cells."""
        self._written.append(write_row(cells))

    def take(self) -> bytes:
        """The rows that were added since the last call."""
        rows = b"".join(self._written)
        self._written.clear()
        return rows

    def made(self) -> MadeRows | None:
        """How the rows were made; ``None`` if the file is in Graph's form.

        That a file has another encoding is known at its end only: most text is the same in UTF-8.
        """
        is_other = self._decoder is not None and self._decoder.changed
        steps = tuple(step for step in self._steps() if step != "decode" or is_other)
        if self.columns is None or self.columns.findings or not steps:
            return None
        matching = self.matching
        return MadeRows(steps, matching.counts if matching else {}, matching.left_out if matching else 0)

    def warning(self, line: int) -> Finding | None:
        """How many rows were left out; ``line`` is that of the header."""
        if self.matching is None or not self.matching.left_out:
            return None
        message = f"Rows that are left out, since their accounts are not persons: {self.matching.left_out:,}."
        return Finding(Code.LEFT_OUT, message, line)
