"""What the validator reports about a file: findings, which refuse it, and warnings, which do not."""

from typing import NamedTuple

from .codes import Code

_MAX_SHOWN = 60


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


class Report(NamedTuple):
    """The result for one file.

    ``layout`` is the layout's name, ``None`` if the header was not recognized; ``rows`` the number of rows without the
    header. Findings refuse a file, warnings do not. The counts are of all findings and warnings; the tuples hold the
    first of them. If ``all_counted`` is false, the file had so many findings that the rest of it was not checked. If
    ``duplicates_checked`` is false, rows beyond the first million were not compared.
    """

    layout: str | None
    rows: int
    findings: tuple[Finding, ...]
    finding_count: int
    all_counted: bool
    warnings: tuple[Finding, ...]
    warning_count: int
    duplicates_checked: bool


class Collected:
    """Collects findings: keeps the first of them, and counts all."""

    def __init__(self, limit: int) -> None:
        self.first: list[Finding] = []
        self.count = 0
        self._limit = limit

    @property
    def room(self) -> int:
        """How many more can be kept."""
        return self._limit - len(self.first)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if there is room."""
        self.count += 1
        if self.room:
            self.first.append(finding)

    def add_blank_lines(self, first: int, last: int) -> None:
        """Add a finding for each of a run of blank lines; there may be millions."""
        listed = min(last - first + 1, self.room)
        for line in range(first, first + listed):
            self.add(Finding(Code.BLANK_LINE, "The line is blank, and rows follow it. Remove the line.", line))
        self.count += last - first + 1 - listed


def shown(text: str) -> str:
    """A value as messages show it: shortened, with control characters made visible."""
    visible = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[:_MAX_SHOWN])
    return f"{visible}..." if len(text) > _MAX_SHOWN else visible
