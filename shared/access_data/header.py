"""Reads the header row: the file's layout, the order of its columns, and its faults."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .findings import Finding, shown
from .layouts import LAYOUTS, Column, Layout
from .records import CsvRecord

HEADER_RULE = "The first row must name the columns: " + ",".join(column.name for column in LAYOUTS[0].columns) + "."

_SEPARATORS = {";": ("semicolonSeparator", "semicolons"), "\t": ("tabSeparator", "tabs")}


@dataclass(frozen=True, slots=True)
class Header:
    """A header. Without findings it has a ``layout``, and all of the layout's columns in the file's order."""

    layout: Layout | None
    columns: tuple[Column, ...]
    findings: tuple[Finding, ...]


def read_header(raw: bytes, record: CsvRecord) -> Header:  # noqa: PLR0911  # a fault each
    """Read the first row of a file, given as bytes and as a record."""
    content = raw.removesuffix(b"\n").removesuffix(b"\r")
    if b"\r" in content.split(b"\n")[0]:
        return _unusable("loneCarriageReturn", "Lines end with a carriage return only. End them with LF or CRLF.")
    if b"\0" in content:
        return _unusable(
            "nulByte",
            "The first row contains a NUL byte, so this is not a text file. Save it as CSV UTF-8 and upload that.",
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _unusable("missingHeader", f"The first row is not UTF-8 text. {HEADER_RULE}")
    if record.too_long or any(cell.fault for cell in record.cells):
        return _unusable("missingHeader", f"The first row is not a valid CSV row. {HEADER_RULE}")
    names = [cell.value.decode() for cell in record.cells]
    layout = _layout_of(names)
    if layout is not None:
        return _known(layout, names)
    for separator, (code, word) in _SEPARATORS.items():
        if _layout_of(text.split(separator)):
            return _unusable(code, f"The cells are separated by {word}. Save the file with commas as the separator.")
    message = f"The first row is not a header. {HEADER_RULE}"
    return Header(None, (), (Finding("missingHeader", message, 1, value=shown(text)),))


def _unusable(code: str, message: str) -> Header:
    return Header(None, (), (Finding(code, message, 1),))


def _known(layout: Layout, names: Sequence[str]) -> Header:
    known = {column.name.casefold(): column for column in layout.columns}
    columns = [known[name.casefold()] for name in names if name.casefold() in known]
    return Header(layout, tuple(columns), tuple(_faults(layout, names)))


def _faults(layout: Layout, names: Sequence[str]) -> Iterator[Finding]:
    known = {column.name.casefold(): column for column in layout.columns}
    seen: set[Column] = set()
    for name in names:
        column = known.get(name.casefold())
        if column is None:
            possible = ", ".join(column.name for column in layout.columns)
            message = f"'{shown(name)}' is not a column of this layout. Its columns are {possible}."
            yield Finding("unknownColumn", message, 1, shown(name), shown(name))
        elif column in seen:
            yield Finding(
                "duplicateColumn",
                f"The column {column.name} occurs twice. Remove one of them.",
                1,
                column.name,
                shown(name),
            )
        else:
            seen.add(column)
    for column in layout.columns:
        if column not in seen:
            message = f"The column {column.name} is missing. Add it, even if its cells are empty."
            yield Finding("missingColumn", message, 1, column.name)


def _layout_of(names: Sequence[str]) -> Layout | None:
    """The layout with most names in common with the header; of two with equally many, the smaller one."""
    given = {name.casefold() for name in names}

    def common(layout: Layout) -> int:
        return sum(column.name.casefold() in given for column in layout.columns)

    best = max(LAYOUTS, key=lambda layout: (common(layout), -len(layout.columns)))
    return best if common(best) else None
