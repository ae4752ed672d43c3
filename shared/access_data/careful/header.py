"""Reads the header row: the file's layout, the order of its columns, and its faults."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from ..codes import Code
from ..findings import Finding, shown
from ..layouts import LAYOUTS, Column, Layout
from .blank import is_blank
from .cells import Fault, quote_fault
from .encodings import as_text, utf8_fault, utf8_fault_at
from .records import Cell, CsvRecord
from .unseen import unseen, visible

HEADER_RULE = "The first row must name the columns: " + ",".join(column.name for column in LAYOUTS[0].columns) + "."

_OTHER_SEPARATORS = {
    ";": Fault(
        Code.SEMICOLON_SEPARATOR,
        "The cells are separated by semicolons. Separate them by commas. Excel uses the list separator of the Windows "
        "region settings: set it to a comma there, and save the file as CSV UTF-8 again.",
    ),
    "\t": Fault(
        Code.TAB_SEPARATOR,
        "The cells are separated by tabs. Separate them by commas: save the file as CSV UTF-8 instead of 'Text'.",
    ),
}


class Header(NamedTuple):
    """A header. Without findings it has a ``layout``, and all of the layout's columns in the file's order.

    ``names`` are those of the file's columns, as far as they can be read; ``readable`` if nothing about them is wrong.
    """

    layout: Layout | None
    columns: tuple[Column, ...]
    findings: tuple[Finding, ...]
    names: tuple[str, ...] = ()
    readable: bool = False


def separator_finding(separator: str, line: int) -> Finding:
    """The finding about a file whose cells are separated by this character."""
    other = f"The cells are separated by '{shown(separator)}'. Separate them by commas: save the file as CSV UTF-8."
    return Finding(*_OTHER_SEPARATORS.get(separator, Fault(Code.OTHER_SEPARATOR, other)), line)


def read_header(  # noqa: PLR0911  # a fault each
    raw: bytes, record: CsvRecord, line: int, *, encoding: str | None = None
) -> Header:
    """Read the header row.

    Args:
        raw: its bytes.
        record: the same as a record.
        line: its physical line.
        encoding: of the file, if it is not UTF-8.
    """
    content = raw.removesuffix(b"\n").removesuffix(b"\r")
    if b"\0" in content:
        message = "The first row contains a NUL byte, so this is not a text file. Save it as CSV UTF-8 and upload that."
        return _unusable(Finding(Code.NUL_BYTE, message, line))
    if b"\r" in content.split(b"\n")[0]:
        message = "Lines end with a carriage return only. End them with LF or CRLF."
        return _unusable(Finding(Code.LONE_CARRIAGE_RETURN, message, line))
    invalid = utf8_fault_at(content)
    if invalid is not None:
        message = utf8_fault(content[invalid], encoding)
        line += content.count(b"\n", 0, invalid)
        return _unusable(Finding(Code.INVALID_UTF8, message, line, value=shown(as_text(content))))
    text = content.decode()
    names = tuple(cell.value.decode() for cell in record.cells)
    fault = next((cell for cell in record.cells if cell.fault), None)
    readable = not record.too_long and fault is None
    if readable:
        layout = layout_of(names)
        if layout is not None:
            return known_header(layout, names, line)
    for separator in (*_OTHER_SEPARATORS, "|"):
        if layout_of(text.split(separator)):
            return _unusable(separator_finding(separator, line), names, readable=readable)
    if fault is not None and fault.fault is not None:
        return _unusable(_quote_finding(fault, line))
    return _unusable(
        Finding(
            Code.MISSING_HEADER,
            f"The first row is not a header: '{shown(text)}'. {HEADER_RULE}",
            line,
            None,
            shown(text),
        ),
        names,
        readable=readable,
    )


def _unusable(finding: Finding, names: tuple[str, ...] = (), *, readable: bool = False) -> Header:
    return Header(None, (), (finding,), names, readable)


def _quote_finding(cell: Cell, line: int) -> Finding:
    text = cell.value.decode(errors="replace")
    name = text.strip('"').split(",", maxsplit=1)[0].strip().casefold()
    columns = [column.name for layout in LAYOUTS for column in layout.columns if column.name.casefold() == name]
    return Finding(*quote_fault(cell), line + cell.lines_down, next(iter(columns), None), shown(text))


def known_header(layout: Layout, names: Sequence[str], line: int) -> Header:
    """The header of a file that has the columns of a layout under their own names."""
    known = {column.name.casefold(): column for column in layout.columns}
    columns = [known[name.casefold()] for name in names if name.casefold() in known]
    return Header(layout, tuple(columns), tuple(_faults(layout, names, line)), tuple(names), readable=True)


def _faults(layout: Layout, names: Sequence[str], line: int) -> Iterator[Finding]:
    known = {column.name.casefold(): column for column in layout.columns}
    given = {name.casefold() for name in names}
    missing = {letters(column.name): column for name, column in known.items() if name not in given}
    seen: set[Column] = set()
    for name in names:
        column = known.get(name.casefold())
        if column is None and not is_blank(name):
            yield _unknown_column(layout, name, missing, line)
        elif column in seen:
            message = f"The column {column.name} occurs twice. Remove one of them."
            yield Finding(Code.DUPLICATE_COLUMN, message, line, column.name, shown(name))
        elif column is not None:
            seen.add(column)
    unnamed = sum(map(is_blank, names))
    if unnamed:
        columns = "column has" if unnamed == 1 else "columns have"
        advice = "Delete empty columns, also those after the last one."
        if is_blank(names[0]):
            advice = (
                "The first has none: pandas and R put the numbers of the rows there. Leave them out: in pandas with "
                "to_csv(index=False), in R with row.names = FALSE."
            )
        elif all(map(is_blank, names[-unnamed:])):
            advice = "They are behind the last one: remove the commas at the end of each line."
        yield Finding(Code.UNKNOWN_COLUMN, f"{unnamed} {columns} no name in the header. {advice}", line)
    for column in missing.values():
        message = f"The column {column.name} is missing. Add it, even if its cells are empty."
        yield Finding(Code.MISSING_COLUMN, message, line, column.name)


def _unknown_column(layout: Layout, name: str, missing: dict[str, Column], line: int) -> Finding:
    """The finding about a name; if it is a misspelled one, that column is no longer missing."""
    close = get_close_matches(letters(name[:100]), missing, n=1, cutoff=0.8)
    if close:
        column = missing.pop(close[0])
        right = f"Did you mean {column.name}? Names must match except for upper and lower case."
        if visible(name).casefold() == column.name.casefold() and (where := unseen(name)) is not None:
            right = f"{column.name} is, but this has {where}."
    else:
        right = f"Remove it. The columns are {', '.join(column.name for column in layout.columns)}."
    message = f"'{shown(name)}' is not a column of this layout. {right}"
    return Finding(Code.UNKNOWN_COLUMN, message, line, shown(name), shown(name))


def layout_of(names: Sequence[str], least: int = 1) -> Layout | None:
    """The layout with most names in common, ``least`` or more; of two with equally many, the smaller one."""
    given = {letters(name[:100]) for name in names}

    def common(layout: Layout) -> int:
        return sum(letters(column.name) in given for column in layout.columns)

    best = max(LAYOUTS, key=lambda layout: (common(layout), -len(layout.columns)))
    return best if common(best) >= least else None


def letters(name: str) -> str:
    """A name without spaces, punctuation and case: what a person takes for the same name."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())
