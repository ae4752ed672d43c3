"""Shows the progress of steps that run at the same time: a line that changes on a terminal, else a line per event."""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import contextmanager
from threading import Lock
from types import TracebackType
from typing import Self

_CLEAR_LINE = "\r\033[K"
_EVERY_SECONDS = 0.5
_SIGN_OF_LIFE_SECONDS = 15


class Progress:
    """Writes to standard error, from any thread."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._lock = Lock()
        self._running: dict[str, float] = {}
        self._written = self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Say that this happens only once."""
        self.say("Installing what is missing. This happens once.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say how long it took."""
        if error is None:
            self.say(f"Installed in {time.monotonic() - self._began:.0f} s.")

    def say(self, text: str) -> None:
        """Write a line."""
        with self._lock:
            self._write(f"{text}\n")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that something is being installed, and how long it took."""
        began = time.monotonic()
        with self._lock:
            self._running[what] = began
            if not self._terminal:
                self._write(f"  {what} ...\n")
        try:
            yield
        finally:
            with self._lock:
                del self._running[what]
        self.say(f"  {what}: {time.monotonic() - began:.0f} s")

    def show_until_done(self, work: Sequence["Future[None]"]) -> None:
        """Show how long the steps have been running, until all work is done or something fails.

        Raises:
            Exception: what the first that failed has raised.
        """
        while True:
            done, running = wait(work, _EVERY_SECONDS, FIRST_EXCEPTION)
            for each in done:
                each.result()
            if not running:
                return
            with self._lock:
                now = time.monotonic()
                if self._terminal or now - self._written > _SIGN_OF_LIFE_SECONDS:
                    line = ", ".join(f"{what} ({now - began:.0f} s)" for what, began in self._running.items())
                    self._write(f"  {line}" if self._terminal else f"  still installing {line}\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"{_CLEAR_LINE}{text}" if self._terminal else text)
        sys.stderr.flush()
        self._written = time.monotonic()
