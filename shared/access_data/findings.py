"""What is said of a file: findings, which refuse it, and warnings, which do not."""

from dataclasses import dataclass

_MAX_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a file: what, in which physical line and column, and the value shortened."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    value: str | None = None

    @property
    def target(self) -> str:
        """The place in words."""
        if self.line is None:
            return "file"
        return f"line {self.line}" if self.column is None else f"line {self.line}, {self.column}"


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about a file: its layout, its rows without the header, and all that was found.

    Findings refuse a file, warnings do not. The counts are of all, the lists hold the first of them. If ``all_counted``
    is false, there were so many findings that the rest of the file was not looked at; if ``duplicates_checked`` is
    false, rows beyond the first million were not compared.
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
    """The first of many findings, and how many there are."""

    def __init__(self, limit: int) -> None:
        self.first: list[Finding] = []
        self.count = 0
        self._limit = limit

    @property
    def room(self) -> int:
        """How many more are kept."""
        return self._limit - len(self.first)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if there is room."""
        self.count += 1
        if self.room:
            self.first.append(finding)

    def add_blank_lines(self, first: int, last: int) -> None:
        """Count a run of blank lines, of which there may be millions."""
        listed = min(last - first + 1, self.room)
        for line in range(first, first + listed):
            self.add(Finding("blankLine", "A blank line between rows. Remove it.", line))
        self.count += last - first + 1 - listed


def shown(text: str) -> str:
    """A value as a message shows it: shortened, and with control characters made visible."""
    visible = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text[:_MAX_SHOWN])
    return f"{visible}..." if len(text) > _MAX_SHOWN else visible
