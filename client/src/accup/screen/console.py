"""The two streams of a command: results on stdout, and on stderr what happens meanwhile."""

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from accup.screen.wording import printable

if TYPE_CHECKING:
    from rich.console import Console

# A log file has no width; lines of this length still fit into most viewers.
_WIDTH_WITHOUT_TERMINAL = 140


class Screen:
    """Where a command writes. With ``as_json`` stdout gets one JSON object and nothing else."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, debug: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.debug = debug

    @property
    def shows_progress(self) -> bool:
        """Whether someone watches: progress on a file or in a pipeline's log is only noise."""
        return sys.stderr.isatty() and not self.quiet and os.environ.get("TERM") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether there is someone to answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.as_json

    def result(self, body: Any) -> None:
        """Print the object of ``--json``."""
        sys.stdout.write(json.dumps(body, indent=2, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()

    def line(self, text: str) -> None:
        """A line of the result."""
        sys.stdout.write(printable(text) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """A line beside the result."""
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()

    def log(self, text: str) -> None:
        """A line of ``--debug``."""
        if self.debug:
            self.say(f"debug: {text}")

    def ask(self, question: str) -> bool:
        """Ask a question whose default answer is no."""
        sys.stderr.write(f"{printable(question)} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def out(self) -> "Console":
        """stdout, for tables."""
        return _console(sys.stdout)

    def err(self) -> "Console":
        """stderr, for progress and tables."""
        return _console(sys.stderr)


def _console(stream: TextIO) -> "Console":
    # Imported here, since a pipeline that reads JSON needs none of it.
    from rich.console import Console  # noqa: PLC0415

    width = None if stream.isatty() else int(os.environ.get("COLUMNS") or _WIDTH_WITHOUT_TERMINAL)
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
