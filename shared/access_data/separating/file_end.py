"""What may stand at the end of a file without being data: blank lines, rows without values, end-of-file characters.

Only the end of the file tells what is at its end. So what may be is held back, and is a fault if a row follows it.
"""

import re
from typing import NamedTuple

from ..careful.records import SEPARATORS
from ..findings import Lines
from .conversions import Conversion, Conversions

# 0x1A ended text files in CP/M and MS-DOS; NULs fill up the last block of a file.
_MARKS = b"\x1a\0"

# Of a run of end-of-file characters so many bytes are held. As part of a row, more of them would be too long anyway.
_MOST_HELD = 1024 * 1024

# Lines without a value, of the most common forms; the careful reader finds those with other blanks.
_CELL = rb'[ \t]*+(?:"[ \t]*+"[ \t]*+)?'
_LINE = rb"(?:%b(?:,%b)*|[\x1a\0]++)\r?\n" % (_CELL, _CELL)


class _Patterns(NamedTuple):
    """How such lines are found in files whose cells are separated by one character.

    Attributes:
        blanks: what lines without quotes have; the last of them may go on with something else.
        lines: some of the others.
    """

    blanks: re.Pattern[bytes]
    lines: re.Pattern[bytes]

    @classmethod
    def of(cls, separator: bytes) -> "_Patterns":
        """The patterns for a separator."""
        escaped = re.escape(separator)
        lines = _LINE.replace(rb"[ \t]", b"[ ]") if separator == b"\t" else _LINE
        lines = lines.replace(b",", escaped)
        # re remembers each of the lines.
        return cls(re.compile(rb"[%b \t\r\n]++" % escaped), re.compile(rb"(?:%b){1,100}" % lines))


_PATTERNS = {separator: _Patterns.of(separator) for separator in SEPARATORS}

# What is noted if such lines are at the end of the file. Nothing is, if they are blank.
_NOTED = (
    (re.compile(rb"[^\r\n\x1a\0]"), Conversion.EMPTY_ROWS),
    (re.compile(rb"[\x1a\0]"), Conversion.END_MARKS),
)


class FileEnd:
    """What of a file may be its end, as far as it was received."""

    def __init__(self, conversions: Conversions) -> None:
        self._conversions = conversions
        self._held = b""
        self._lines = Lines()
        self._noted: dict[Conversion, int] = {}

    def hold(self, data: bytes) -> bytes:
        """The data without the end-of-file characters at its end; ``release`` returns them."""
        if not data.endswith((b"\x1a", b"\0")):
            return data
        kept = data.rstrip(_MARKS)
        self._held = data[len(kept) : len(kept) + _MOST_HELD]
        return kept

    def release(self, *, final: bool) -> bytes:
        """What ``hold`` held back, to be read with what follows it; at the end of the file nothing follows."""
        if final:
            return b""
        held, self._held = self._held, b""
        return held

    def add(self, text: bytes, line: int) -> None:
        """Hold lines without a value back, of which the first is ``line``."""
        self._lines.add(line, line + text.count(b"\n", 0, -1))
        for pattern, conversion in _NOTED:
            if conversion not in self._noted:
                found = pattern.search(text)
                if found is not None:
                    self._noted[conversion] = line + text.count(b"\n", 0, found.start())

    def take(self) -> Lines:
        """The lines that turned out not to be at the end, because a row follows them."""
        lines, self._lines = self._lines, Lines()
        self._noted = {}
        return lines

    def close(self, line: int) -> None:
        """End the file in this line: note what is left out of it."""
        for conversion, first in self._noted.items():
            self._conversions.note(conversion, first)
        if self._held:
            self._conversions.note(Conversion.END_MARKS, line)


def lines_at(data: bytes, position: int, separator: bytes) -> int | None:
    """Where the lines without a value end that begin at ``position``; ``None`` if there are none."""
    patterns = _PATTERNS[separator]
    blanks = patterns.blanks.match(data, position)
    if blanks:
        end = data.rfind(b"\n", position, blanks.end()) + 1
        if end:
            return end
    lines = patterns.lines.match(data, position)
    return lines.end() if lines else None
