"""A pseudo-terminal: runs a command in it, types, and keeps the screen as a person sees it."""

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import pyte

from tests.client.command import Command

COLUMNS = 120
LINES = 40


class Terminal:
    """A command that runs in a terminal, and is killed at the end of the ``with`` block if it has not ended."""

    def __init__(self, command: Command, *arguments: str | Path, **variables: str) -> None:
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self._ours, theirs = pty.openpty()
        environment = {**command.full_environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), **variables}
        environment["LINES"] = str(LINES)
        self.process = subprocess.Popen(
            [command.program, *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            close_fds=True,
            # A shell that runs the tests in the background has them, and what they start, ignore it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no lock is held there
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def wait_for(self, seen: Callable[[str], bool], seconds: float = 60) -> str:
        """The screen as soon as it shows something."""
        deadline = time.monotonic() + seconds
        while not seen(self.text):
            assert time.monotonic() < deadline, f"it never appeared; the screen is\n{self.text}"
            if not self._read():
                assert seen(self.text), f"the command ended; the screen is\n{self.text}"
        return self.text

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._ours, text.encode())

    def end(self, seconds: float = 60) -> int:
        """Read to the end; gives the exit code."""
        deadline = time.monotonic() + seconds
        while self._read() and time.monotonic() < deadline:
            pass
        return self.process.wait(seconds)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display).strip()

    def _read(self) -> bool:
        """Read what there is; false once the command has closed its terminal."""
        if not select.select([self._ours], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)
