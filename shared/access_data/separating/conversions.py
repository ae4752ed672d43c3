"""What can be converted, and the one place that says what was converted in a file."""

from enum import Enum

from ..codes import Code
from ..findings import Finding


class Conversion(Enum):
    """A way in which a file may differ from plain CSV, as messages describe it."""

    UTF16 = "it is UTF-16 text"
    SEPARATOR_LINE = "a line names its separator"
    SEMICOLONS = "its cells are separated by semicolons"
    TABS = "its cells are separated by tabs"
    VERTICAL_BARS = "its cells are separated by vertical bars"
    BLANKS_IN_NAMES = "there are blanks around names of columns"
    CARRIAGE_RETURNS = "lines end with a carriage return (CR) alone"
    DOUBLED_RETURNS = "lines end with CR CR LF, as after a conversion that was made twice"
    MIXED_LINE_ENDS = "some lines end with LF, others with CRLF"
    BLANKS_BESIDE_QUOTES = "there are blanks beside quotes"
    EMPTY_ROWS = "rows without values follow the last row"
    END_MARKS = "end-of-file characters (0x1A or NUL bytes) follow the last row"


class Conversions:
    """The conversions of one file."""

    def __init__(self) -> None:
        self._lines: dict[Conversion, int] = {}

    def __contains__(self, conversion: Conversion) -> bool:
        return conversion in self._lines

    def note(self, conversion: Conversion, line: int) -> None:
        """Note that something was converted; the first line counts."""
        self._lines.setdefault(conversion, line)

    @property
    def any_of_separating(self) -> bool:
        """Whether anything was converted but encoding and names of columns, which are steps of their own."""
        return not self._lines.keys() <= {Conversion.UTF16, Conversion.BLANKS_IN_NAMES}

    def finding(self, *, allowed: bool = True) -> Finding | None:
        """What was converted; ``None`` if the file is plain CSV. If that is not allowed, the file is refused."""
        if not self._lines:
            return None
        noted = sorted(self._lines.items(), key=lambda each: each[1])
        what = "; ".join(f"{conversion.value} (line {line})" for conversion, line in noted)
        if not allowed:
            message = f"This is not plain CSV: {what}. Save the file as CSV UTF-8; this service converts nothing."
            return Finding(Code.NOT_PLAIN, message, noted[0][1])
        message = (
            f"This is accepted, and not plain CSV: {what}. Other programs may read the file differently. The service "
            "makes rows in Graph's form of it."
        )
        return Finding(Code.CONVERTED, message, noted[0][1])
