"""Line ends other than LF and CRLF.

A carriage return alone (CR) ends lines if it ends the header: old programs on the Mac write files so. CR CR LF is left
of CRLF after a program for Windows converted LF to CRLF once more. Line breaks in quoted cells were converted with
the others, and are converted back with them.
"""

import re

_DOUBLED = re.compile(rb"(?<!\r)\r\r++\n")
_CR_ALONE = re.compile(rb"[^\r\n]*+\r(?!\r*+\n)")


def ends_with_cr_alone(beginning: bytes, start: int) -> bool:
    """Whether the line at ``start`` ends with CR alone."""
    return _CR_ALONE.match(beginning, start) is not None


def single_returns(data: bytes, start: int) -> tuple[bytes, int | None]:
    """The data with CRLF in place of each CR CR LF from ``start`` on, and where the first one was, if there is one."""
    first = data.find(b"\r\r\n", start)
    if first < 0:
        return data, None
    return data[:start] + _DOUBLED.sub(b"\r\n", data[start:]), first


class CarriageReturns:
    """Turns each CR of a file, and each CRLF, into LF, piece by piece."""

    def __init__(self) -> None:
        self._held = b""

    def converted(self, data: bytes, *, final: bool) -> bytes:
        """The next bytes. A CR at their end is held back, because LF may follow it."""
        data = self._held + data
        self._held = b""
        if not final and data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
