"""What people see: results on stdout, and on stderr what happens meanwhile."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from accup.findings import Finding

if TYPE_CHECKING:
    from rich.console import Console

    from accup.api.retries import Wait

# A log file has no width; lines of this length still fit into most viewers.
_WIDTH_WITHOUT_TERMINAL = 140
_SMALLEST_WIDTH = 20
_FINDINGS_SHOWN = 20
_SHORTEST_WAIT_SHOWN = 1
_SENTENCE_END = re.compile(r"(?<=\.)\s")
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a command writes. With ``as_json`` stdout gets one JSON object and nothing else."""

    as_json: bool = False
    quiet: bool = False
    debug: bool = False

    @property
    def shows_progress(self) -> bool:
        """Whether someone watches: progress on a file or in a pipeline's log is only noise."""
        return sys.stderr.isatty() and not self.quiet and os.environ.get("TERM") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether there is someone to answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.as_json

    def result(self, body: Any) -> None:
        """The result with ``--json``."""
        if self.as_json:
            # ASCII, whatever the encoding of stdout is: JSON in another one than UTF-8 is none (RFC 8259, section 8.1).
            click.echo(json.dumps(body, indent=2, default=str))

    def line(self, text: str) -> None:
        """A line of the result without ``--json``."""
        if not self.as_json:
            click.echo(printable(text))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None, *, err: bool = False
    ) -> None:
        """A table of the result without ``--json``, or beside it; columns that begin with ``#`` are numbers."""
        if self.as_json:
            return
        from rich import box  # noqa: PLC0415  # only who shows a table needs it
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, title_style="bold")
        for column in columns:
            number = column.startswith("#")
            shown.add_column(column.lstrip("#"), justify="right" if number else "left", overflow="fold", no_wrap=number)
        for row in rows:
            shown.add_row(*(Text(printable(cell)) for cell in row))
        console(err=err).print(shown)

    def findings(
        self, name: str, found: Sequence[Finding], count: int, what: str = "finding", *, err: bool = False
    ) -> None:
        """The findings of a file, at most twenty of them, and how many there are."""
        rows = [
            (
                "" if each.line is None else str(each.line),
                each.column or "",
                each.message,
            )
            for each in found[:_FINDINGS_SHOWN]
        ]
        title = f"{printable(name)}: {plural(count, what)}"
        self.table(("#Line", "Column", "What is wrong, and what to do"), rows, title=title, err=err)
        if count > len(rows) and not self.as_json:
            more = plural(count - len(rows), f"more {what}")
            click.echo(f"... and {more}. With --json all that are known are listed.", err=err)

    def say(self, text: str) -> None:
        """A line beside the result; on a terminal it is broken between words."""
        # Not with click: while there are bars, they have put a stream in place of stderr that writes above them.
        print(_wrapped(printable(text)), file=sys.stderr, flush=True)  # noqa: T201

    def waits(self, wait: "Wait") -> None:
        """A pause before a request is repeated, unless it is too short to notice."""
        if not self.quiet and wait.seconds >= _SHORTEST_WAIT_SHOWN:
            which = f"attempt {wait.attempt} of {wait.attempts}"
            # What to do if it does not pass is said then.
            first = _SENTENCE_END.split(wait.reason, maxsplit=1)[0]
            self.say(f"{first} Trying again in {wait.seconds:.0f} s ({which}).")

    def log(self, text: str) -> None:
        """A line of ``--debug``."""
        if self.debug:
            self.say(f"debug: {text}")

    def ask(self, question: str) -> bool:
        """Ask a question whose default answer is no."""
        click.echo(f"{_wrapped(f'{printable(question)} [y/N]')} ", nl=False, err=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")


def console(*, err: bool = False) -> "Console":
    """Rich's console for stdout or stderr. Imported here, since a pipeline that reads JSON needs none of it."""
    from rich.console import Console  # noqa: PLC0415

    stream = sys.stderr if err else sys.stdout
    given = os.environ.get("COLUMNS", "")
    chosen = int(given) if given.isascii() and given.isdecimal() else _WIDTH_WITHOUT_TERMINAL
    width = None if stream.isatty() else max(chosen, _SMALLEST_WIDTH)
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def _wrapped(text: str) -> str:
    if not sys.stderr.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns - 1)
    lines = (fill(line, width, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))
    return "\n".join(lines)


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listing(names: Sequence[str]) -> str:
    """The first five names, and how many more there are."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5:,} more"


def size_text(size: float) -> str:
    """A size in decimal units: ``59.0 MB``."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def count_text(count: int | None) -> str:
    """A number of rows, if it is known."""
    return "" if count is None else f"{count:,}"


def duration_text(time: timedelta | None) -> str:
    """A duration, if there is one, in its two largest units: ``1 h 59 min``."""
    if time is None:
        return ""
    seconds = int(time.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def printable(text: str) -> str:
    """Text of a file or a service without what a terminal would obey: control characters become visible."""
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)
