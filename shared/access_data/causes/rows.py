"""What is really wrong with a row that the rules refuse. Each cause has one finding for all of its rows."""

import re
from collections.abc import Iterator, Sequence

from ..careful.blank import is_blank
from ..careful.cells import is_principal
from ..careful.encodings import as_text
from ..careful.records import Cell, CsvRecord, read_record
from ..careful.sources import Source
from ..careful.unseen import visible
from ..codes import Code
from ..findings import Finding, shown
from ..layouts import Content

_DASHES = b'-=_+| ,;\t"'

# What tools write below the rows: SQL Server, Oracle, MySQL and PostgreSQL, in this order.
_FOOTER = re.compile(
    r"\(?\d+ (?:rows?|Zeilen?|lignes?|filas?|row\(s\))(?: (?:affected|selected|in set|returned|exported)\b.*)?\.?\)?"
    r"|Query OK\b.*|Total\b.*|(?:Completion time|Elapsed|Generated|Exported|End of report)\b.*",
    re.IGNORECASE,
)

_SEPARATORS = {
    b",": "commas",
    b";": "semicolons",
    b"\t": "tabs",
    b"|": "'|'",
}

# What to do about each cause.
_MESSAGES = {
    Code.UTF16_BELOW: (
        "From here on the text is UTF-16: Windows PowerShell appends so with >> and Add-Content. Use "
        "Add-Content -Encoding utf8."
    ),
    Code.REPEATED_HEADER: "The header is repeated, as after joining files. Delete the line.",
    Code.REPORT_LINE: "This is a line that a tool writes for people, below the header or the rows. Delete it.",
    Code.MERGE_CONFLICT: "This is a mark of a merge conflict. Resolve the conflict, and delete the line.",
    Code.VALUE_IN_FORMULA: (
        'Values are written as ="..." so that Excel keeps them as text. Remove =" before and the quote behind each of '
        "them: the export has an option for Excel; switch it off."
    ),
    Code.ROW_IN_QUOTES: (
        "The whole row is in quotes, so that it is one cell. Remove the quotes at its beginning and at its end, and "
        'write " for each "" between them. Excel saves so what was pasted into one column.'
    ),
    Code.SEPARATOR_CHANGES: "The cells of this row are separated by {}, those of the header are not. Use commas.",
    Code.OTHER_LINE_ENDS: (
        "Several rows are in one line: they end with a carriage return (CR) alone, other rows do not. End all lines "
        "with CRLF."
    ),
    Code.SURPLUS_CELLS: "The row ends with more separators than the header. Remove what is behind its last cell.",
    Code.ROW_NUMBER: (
        "The row begins with its number, which has no name in the header. Leave it out: in R with row.names = FALSE, "
        "in pandas with to_csv(index=False)."
    ),
}

_LONGEST_FOOTER = 200
_NUMBER = re.compile(rb"\d{1,9}")

_ABOUT_THE_ROW = (Code.TOO_FEW_FIELDS, Code.TOO_MANY_FIELDS)


class RowCauses:
    """Finds the causes for the rows below one header."""

    def __init__(self, names: Sequence[str], sources: Sequence[Source], separator: bytes) -> None:
        """Prepare for the rows below a header.

        Args:
            names: those of the file's columns, in their order.
            sources: where each column of the layout has its cells from.
            separator: the character between two cells.
        """
        self._names = [name.casefold() for name in names]
        self._first_name = self._names[0].encode() if names else b""
        self._separator = separator
        principals = [source.file_index for source in sources if source.column.content is Content.PRINCIPAL]
        self._principal = next(iter(principals), None)

    def explained(self, findings: list[Finding], raw: bytes, record: CsvRecord, line: int) -> list[Finding]:
        """The findings about a row; only its cause, if that is known.

        Args:
            findings: what the rules say.
            raw: the bytes of the row.
            record: the row.
            line: its physical line.
        """
        if record.too_long:
            return findings
        raw = raw.rstrip(b"\r\n")
        for code, name in self._causes(raw, record):
            if code is Code.SURPLUS_CELLS and findings[0].code is not Code.TOO_MANY_FIELDS:
                continue  # an array that is not closed took cells from the row
            return [Finding(code, _MESSAGES[code].format(name), line)]
        return [_described(each, raw) if each.code in _ABOUT_THE_ROW else each for each in findings]

    def _causes(self, raw: bytes, record: CsvRecord) -> Iterator[tuple[Code, str]]:
        """The causes that fit, each with what its message names."""
        count, expected = len(record.cells), len(self._names)
        if b"\0" in raw and raw.count(b"\0") * 3 > len(raw):
            yield Code.UTF16_BELOW, ""
        if self._is_header(record):
            yield Code.REPEATED_HEADER, ""
        if raw.startswith((b"<<<<<<< ", b"=======", b">>>>>>> ")):
            yield Code.MERGE_CONFLICT, ""
        if not raw.strip(_DASHES) and any(line in raw for line in (b"--", b"==", b"__")):
            yield Code.REPORT_LINE, ""
        if any(cell.value.startswith(b'="') for cell in record.cells):
            yield Code.VALUE_IN_FORMULA, ""
        if count == 1:
            yield from self._of_one_cell(raw, record)
        if count < expected:
            yield from self._other_separator(raw)
        if b"\r" in raw and len([part for part in raw.split(b"\r") if part.count(self._separator) >= expected - 1]) > 1:
            yield Code.OTHER_LINE_ENDS, ""
        if count == expected + 1 and self._has_row_number(record):
            yield Code.ROW_NUMBER, ""
        surplus = record.cells[expected:]
        # A quote in the wrong place may have split a cell in two.
        if surplus and all(map(_shows_nothing, surplus)) and not any(cell.fault for cell in record.cells):
            yield Code.SURPLUS_CELLS, ""

    def _is_header(self, record: CsvRecord) -> bool:
        if len(record.cells) != len(self._names) or self._first_name not in record.cells[0].value.lower():
            return False
        return [visible(as_text(cell.value)).casefold() for cell in record.cells] == self._names

    def _of_one_cell(self, raw: bytes, record: CsvRecord) -> Iterator[tuple[Code, str]]:
        cell = record.cells[0]
        if len(self._names) > 1 and cell.quoted and not cell.fault and cell.value:
            inner = read_record(cell.value, 0, final=True, separator=self._separator)
            if inner is not None and len(inner.cells) == len(self._names):
                yield Code.ROW_IN_QUOTES, ""
        if len(raw) < _LONGEST_FOOTER and _FOOTER.fullmatch(as_text(raw).strip()):
            yield Code.REPORT_LINE, ""

    def _other_separator(self, raw: bytes) -> Iterator[tuple[Code, str]]:
        for separator, name in _SEPARATORS.items():
            if separator != self._separator and raw.count(separator) >= len(self._names) - 1:
                record = read_record(raw, 0, final=True, separator=separator)
                if record is not None and len(record.cells) == len(self._names):
                    yield Code.SEPARATOR_CHANGES, name

    def _has_row_number(self, record: CsvRecord) -> bool:
        if self._principal is None:
            return False
        number, principal = record.cells[0].value, record.cells[1 + self._principal].value
        return bool(_NUMBER.fullmatch(number)) and is_principal(as_text(principal))


def _shows_nothing(cell: Cell) -> bool:
    return not cell.value or is_blank(as_text(cell.value))


def _described(finding: Finding, raw: bytes) -> Finding:
    """A finding about a row that shows how the row begins."""
    text = shown(as_text(raw[:400]))
    return finding._replace(message=f"{finding.message} The row: '{text}'", value=text)
