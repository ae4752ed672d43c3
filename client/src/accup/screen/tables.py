"""The tables of results: findings, receipts, sessions, files."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from accup.findings import Finding
from accup.local.checking import CheckedFile
from accup.screen.wording import plural, printable, size_text
from accup.sending.outcome import FileOutcome

if TYPE_CHECKING:
    from rich.console import Console

FINDINGS_SHOWN = 20


def table(console: "Console", columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table; columns whose name begins with ``#`` are numbers and aligned to the right."""
    from rich import box  # noqa: PLC0415  # only who shows a table needs it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, title_style="bold")
    for column in columns:
        number = column.startswith("#")
        shown.add_column(column.lstrip("#"), justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    console.print(shown)


def findings(console: "Console", name: str, found: Sequence[Finding], count: int, what: str = "finding") -> None:
    """Print what is wrong with a file: the first findings, and how many more there are."""
    rows = [
        (name, "" if each.line is None else str(each.line), each.column or "", each.message, each.fix)
        for each in found[:FINDINGS_SHOWN]
    ]
    table(
        console,
        ("File", "#Line", "Column", "What is wrong", "How to fix it"),
        rows,
        title=f"{printable(name)}: {plural(count, what)}",
    )
    if count > len(rows):
        console.print(
            f"... and {plural(count - len(rows), f'more {what}')}. With --json all that are known are listed."
        )


def receipt(console: "Console", files: Sequence[FileOutcome]) -> None:
    """Print the files that the session has, as verified."""
    rows = [
        (
            file.name,
            size_text(file.file.size),
            "" if file.rows is None else f"{file.rows:,}",
            file.sha256 or "",
            file.verified or "",
        )
        for file in files
        if file.accepted
    ]
    if rows:
        table(console, ("File", "#Size", "#Rows", "SHA-256", "Verified by"), rows)


def checks(console: "Console", files: Sequence[CheckedFile]) -> None:
    """Print the files that were checked."""
    rows = [
        (
            file.file.name,
            size_text(file.file.size),
            f"{file.rows:,}",
            file.layout or "unknown",
            "accepted" if file.accepted else plural(file.finding_count, "finding"),
            plural(file.warning_count, "warning") if file.warning_count else "",
        )
        for file in files
    ]
    table(console, ("File", "#Size", "#Rows", "Layout", "Result", "Warnings"), rows)
