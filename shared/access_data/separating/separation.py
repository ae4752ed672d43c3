"""Turns a file into plain CSV as it arrives, where it is not; a file that is costs nothing.

The readers find the rows that need no change, so only others are looked at here. The lines of the file stay what they
are, so that the places of findings are those of the file that was uploaded.
"""

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from ..careful.beginning import BEGINNING_BYTES
from .blanks import without_blanks
from .conversions import Conversion, Conversions
from .file_end import FileEnd
from .line_ends import CarriageReturns, ends_with_cr_alone, single_returns


class Separation:
    """Turns one file into plain CSV. ``conversions`` has what was done."""

    def __init__(self) -> None:
        self.conversions = Conversions()
        self.end = FileEnd(self.conversions)
        self._returns: CarriageReturns | None = None
        self._returned: bool | None = None  # whether the header ends with CRLF

    def begin(self, data: bytes, start: int, line: int, *, final: bool) -> bytes:
        """The first bytes, of which the header begins at ``start``."""
        if not ends_with_cr_alone(data[:BEGINNING_BYTES], start):
            return data
        self.conversions.note(Conversion.CARRIAGE_RETURNS, line)
        self._returns = CarriageReturns()
        return data[:start] + self._returns.converted(data[start:], final=final)

    def receive(self, data: bytes, *, final: bool) -> bytes:
        """The next bytes after the first ones."""
        return data if self._returns is None else self._returns.converted(data, final=final)

    def plain(
        self, data: bytes, position: int, line: int, separator: bytes, *, first: bool, final: bool
    ) -> Generator[None, None, tuple[bytes, int]]:
        """Turn the record at ``position`` into plain CSV, and perhaps some that follow it, in steps.

        Args:
            data: the bytes received so far.
            position: where the record begins.
            line: its physical line.
            separator: the character between two cells.
            first: whether this is the first record of ``data`` that is looked at.
            final: whether the file ends with ``data``.

        Returns:
            The data, and up to where it needs no further look; -1 if the end of the record has to come first.
        """
        if first:
            data, doubled = single_returns(data, position)
            if doubled is not None:
                self.conversions.note(Conversion.DOUBLED_RETURNS, line + data.count(b"\n", position, doubled))
        size = len(data)
        data, looked = yield from without_blanks(data, position, separator, final=final)
        if len(data) != size:
            self.conversions.note(Conversion.BLANKS_BESIDE_QUOTES, line)
        return data, looked

    @property
    def compares_line_ends(self) -> bool:
        """Whether all line ends were the same so far."""
        return Conversion.MIXED_LINE_ENDS not in self.conversions

    def line_ends(self, line: int, returned: NDArray[np.bool_]) -> None:
        """The same for the rows from a line on, each of one line: which of them end with CRLF."""
        others = returned != self._returned
        if others.any():
            self.conversions.note(Conversion.MIXED_LINE_ENDS, line + int(others.argmax()))

    def line_end(self, line: int, *, returned: bool) -> None:
        """Take note of the end of a record: whether it is CRLF. The first one is that of the header."""
        if self._returned is None:
            self._returned = returned
        elif returned is not self._returned:
            self.conversions.note(Conversion.MIXED_LINE_ENDS, line)
