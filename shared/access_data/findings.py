"""What the validator reports about a file: findings, which refuse it, and warnings, which do not."""

from collections.abc import Mapping
from typing import NamedTuple

from .codes import Code

_MAX_SHOWN = 80

# Ranges of lines that one message names.
_MAX_RANGES = 5


class Finding(NamedTuple):
    """One finding or warning.

    ``line`` is the physical line, counted from 1; a finding about the whole file has line 1. ``column`` is the column's
    name, and ``value`` the cell's text, shortened, with control characters made visible; ``None`` where there is none.
    """

    code: Code
    message: str
    line: int
    column: str | None = None
    value: str | None = None

    @property
    def target(self) -> str:
        """The place as text, always in one of two forms: ``line 7``, or ``line 7, permissionId``."""
        return f"line {self.line}" if self.column is None else f"line {self.line}, {self.column}"


class MadeRows(NamedTuple):
    """How the rows of a file were made that is not in Graph's form.

    Attributes:
        steps: what was done, of ``decode``, ``separate``, ``columns``, ``principals``, in this order.
        matched: the number of rows by what has matched their accounts with users.
        left_out: the number of rows that were left out, since their accounts are not persons.
    """

    steps: tuple[str, ...]
    matched: Mapping[str, int]
    left_out: int


class Report(NamedTuple):
    """The result for one file.

    ``layout`` is the layout's name, ``None`` if the header was not recognized; ``rows`` the number of rows without the
    header. Findings refuse a file, warnings do not. The counts are of all findings and warnings; the tuples hold the
    first of them. If ``all_counted`` is false, the file had so many findings that the rest of it was not checked. If
    ``duplicates_checked`` is false, rows beyond the first million were not compared. ``columns`` are the names of the
    file's columns as far as they could be read, and ``made`` is ``None`` if the file is in Graph's form.
    """

    layout: str | None
    rows: int
    findings: tuple[Finding, ...]
    finding_count: int
    all_counted: bool
    warnings: tuple[Finding, ...]
    warning_count: int
    duplicates_checked: bool
    columns: tuple[str, ...] = ()
    made: MadeRows | None = None


class Lines:
    """Lines of a file with something in common: their number, and the first ranges of them."""

    def __init__(self) -> None:
        self.count = 0
        self._ranges: list[tuple[int, int]] = []

    @property
    def first(self) -> int:
        """The first of them."""
        return self._ranges[0][0]

    def add(self, first: int, last: int) -> None:
        """Add a range of lines, after those before."""
        self.count += last - first + 1
        if self._ranges and self._ranges[-1][1] == first - 1:
            self._ranges[-1] = (self._ranges[-1][0], last)
        elif len(self._ranges) <= _MAX_RANGES:
            self._ranges.append((first, last))

    def extend(self, others: "Lines") -> None:
        """Add lines after those before."""
        count = self.count + others.count
        for first, last in others._ranges:
            self.add(first, last)
        self.count = count

    def __str__(self) -> str:
        shown = self._ranges[:_MAX_RANGES]
        listed = ", ".join(f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in shown)
        others = self.count - sum(last - first + 1 for first, last in shown)
        return f"{self.count:,} lines: {listed}" + (f" and {others:,} more" if others else "")


class Repeated(NamedTuple):
    """One finding about many lines: what is said once, and in which lines it is."""

    first: Finding
    lines: Lines

    def finding(self) -> Finding:
        """The finding. Its line is the first one; the others are in the message."""
        if self.lines.count == 1:
            return self.first
        return self.first._replace(message=f"{self.first.message} This concerns {self.lines}.")


class Collected:
    """Collects findings: keeps the first of them, and counts all."""

    def __init__(self, limit: int) -> None:
        self.count = 0
        self.places = 0  # as the count, but of each line that a finding is about
        self._kept: list[Finding | Repeated] = []
        self._repeated: dict[tuple[Code, str | None], Repeated] = {}
        self._limit = limit

    @property
    def first(self) -> tuple[Finding, ...]:
        """The first findings, up to the limit."""
        return tuple(each.finding() if isinstance(each, Repeated) else each for each in self._kept)

    @property
    def room(self) -> int:
        """How many more can be kept."""
        return self._limit - len(self._kept)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if there is room."""
        self._keep(finding)
        self.places += 1

    def add_first(self, finding: Finding) -> None:
        """Count a finding about the whole file, and keep it in any case, before the others."""
        self.count += 1
        self._kept.insert(0, finding)
        del self._kept[self._limit :]

    def add_repeated(self, first: Finding, lines: Lines | None = None) -> None:
        """Add a fault of one line, or of several; for each code and column there is one finding, the first one."""
        if lines is None:
            lines = Lines()
            lines.add(first.line, first.line)
        repeated = self._repeated.get((first.code, first.column))
        if repeated is None:
            repeated = self._repeated[first.code, first.column] = Repeated(first, Lines())
            self._keep(repeated)
        repeated.lines.extend(lines)
        self.places += lines.count

    def _keep(self, finding: Finding | Repeated) -> None:
        self.count += 1
        if self.room:
            self._kept.append(finding)


def shown(text: str) -> str:
    """A value as messages show it: shortened, with control characters made visible."""
    if len(text) <= _MAX_SHOWN and text.isprintable():
        return text
    visible = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[:_MAX_SHOWN])
    return f"{visible}..." if len(text) > _MAX_SHOWN else visible
