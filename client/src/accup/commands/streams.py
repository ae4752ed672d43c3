"""Standard output and error that fail quietly: what a command does must not depend on who reads along."""

import io
import os
import sys
from typing import Any, TextIO


class Output(io.RawIOBase):
    """What is below a standard stream. It goes on after its first failure (a full disk, a closed pipe).

    ``fault`` is that failure.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        # Kept, since it would close what is below it at its end.
        self._stream = stream
        self._raw: Any = getattr(stream.buffer, "raw", stream.buffer)
        self.fault: OSError | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The number of the file."""
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int | None:
        """Write, unless that has failed before."""
        if self.fault is None:
            try:
                return int(self._raw.write(data))
            except OSError as error:
                self.fault = error
        return len(data)


def guarded(stream: TextIO | None) -> tuple[TextIO, Output]:
    """A stream in place of a standard one, and what is below it. Where that was closed, it leads to nowhere.

    What its encoding does not have is written as an escape sequence.
    """
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for as long as the process
    below = Output(stream)
    buffer = io.BufferedWriter(below)
    return io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", line_buffering=True), below


def guard_standard_streams() -> Output:
    """Guard stdout and stderr, and make sure that there is a stdin; gives what is below stdout."""
    # The lowest number first: a connection must not get the number of a stream that was closed.
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115  # for as long as the process
    sys.stdout, stdout = guarded(sys.stdout)
    sys.stderr, _ = guarded(sys.stderr)
    return stdout
