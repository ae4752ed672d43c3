"""The rules for one row that the careful reader has read: its cells, their number, and their encoding."""

from collections.abc import Collection, Iterator, Sequence

from ..codes import Code
from ..findings import Finding, shown
from ..layouts import Column, Content, Layout
from .cells import FORMULA_STARTS, content_fault, quote_fault
from .encodings import as_text, utf8_fault, utf8_fault_at
from .records import MAX_CELLS, MAX_RECORD_BYTES, Cell, CsvRecord

_QUOTE_OWNERS = (
    'Quote the cell and double each quote inside it: "[""a@contoso.com"",""b@contoso.com""]".'  # RFC 4180, section 2
)


class RowRules:
    """The rules for the rows of files with one header."""

    def __init__(self, layout: Layout, header: Sequence[Column], principal_types: Collection[str]) -> None:
        """Prepare to check rows.

        Args:
            layout: the file's layout.
            header: the file's columns in their order.
            principal_types: the allowed values of ``principalType``.
        """
        names = [column.name for column in header]
        self._header = header
        self._principal_types = principal_types
        self._principal = names.index(layout.principal)
        self._permission = names.index(layout.permission)
        # The column whose cells may be a JSON array without quotes, as Microsoft's own example has them.
        self.array_column = next(
            (index for index, column in enumerate(header) if column.content is Content.OWNERS), None
        )

    def key(self, record: CsvRecord) -> tuple[bytes, bytes]:
        """What identifies a row without findings: its principal and permission."""
        return record.cells[self._principal].value, record.cells[self._permission].value

    def check(self, data: bytes, start: int, record: CsvRecord, line: int, offset: int) -> Iterator[Finding]:
        """Report a row's findings and warnings.

        Args:
            data: the bytes that contain the row.
            start: where it begins there.
            record: the row.
            line: its physical line.
            offset: the position in the file at which ``data`` begins.
        """
        if record.unclosed is not None and (record.too_long or len(record.cells) != len(self._header)):
            yield self._unclosed_quote(record.cells[record.unclosed], record.unclosed, line)
            return
        if record.too_long:
            message = f"The row is longer than the limit of {MAX_RECORD_BYTES:,} bytes or {MAX_CELLS:,} cells."
            yield Finding(Code.ROW_TOO_LONG, message, line)
            return
        invalid = utf8_fault_at(data[start : record.end])
        if invalid is not None:
            position = start + invalid
            message = utf8_fault(data[position], offset + position)
            yield self._invalid_utf8(message, position, record, line + data.count(b"\n", start, position))
        elif len(record.cells) != len(self._header):
            yield self._wrong_count(record, line)
        else:
            for column, cell in zip(self._header, record.cells, strict=True):
                finding = self._check_cell(column, cell, cell.value.decode(), line + cell.lines_down)
                if finding is not None:
                    yield finding

    def _column(self, index: int) -> str | None:
        return self._header[index].name if index < len(self._header) else None

    def _unclosed_quote(self, cell: Cell, index: int, line: int) -> Finding:
        value = shown(as_text(cell.value))
        return Finding(*quote_fault(cell), line + cell.lines_down, self._column(index), value)

    def _invalid_utf8(self, message: str, position: int, record: CsvRecord, line: int) -> Finding:
        index = sum(cell.begin <= position for cell in record.cells) - 1
        return Finding(Code.INVALID_UTF8, message, line, self._column(index), shown(as_text(record.cells[index].value)))

    def _wrong_count(self, record: CsvRecord, line: int) -> Finding:
        count, expected = len(record.cells), len(self._header)
        if self.array_column is not None and self.array_column < count:
            cell = record.cells[self.array_column]
            column = self._header[self.array_column]
            finding = self._check_cell(column, cell, cell.value.decode(), line + cell.lines_down)
            if cell.is_array and finding is not None and not finding.code.is_warning:
                return finding  # an array that is not closed took cells from the row
        message = f"The row has {count} {'cell' if count == 1 else 'cells'}; the header has {expected}."
        if count < expected:
            message += f" There is none for {self._header[count].name}."
            return Finding(Code.TOO_FEW_FIELDS, message, line, self._column(count))
        message += " A cell that contains a comma must be quoted as a whole."
        stray = (index for index, cell in enumerate(record.cells[:expected]) if cell.fault is Code.STRAY_QUOTE)
        return Finding(Code.TOO_MANY_FIELDS, message, line, self._column(next(stray, count)))

    def _check_cell(self, column: Column, cell: Cell, text: str, line: int) -> Finding | None:
        if cell.fault:
            return Finding(*quote_fault(cell), line, column.name, shown(text))
        fault = content_fault(column, cell, text, self._principal_types)
        if fault is not None:
            return Finding(*fault, line, column.name, shown(text))
        if text.startswith(FORMULA_STARTS):
            message = f"'{shown(text)}' begins like a formula. A spreadsheet evaluates it when somebody opens the file."
            return Finding(Code.FORMULA_CELL, message, line, column.name, shown(text))
        if cell.is_array and '"' in text:
            message = f"The JSON array is not quoted, so other programs split it at its commas. {_QUOTE_OWNERS}"
            return Finding(Code.UNQUOTED_OWNERS, message, line, column.name, shown(text))
        return None
