"""The rules for one row that the careful reader has read: its cells, their number, and their encoding."""

from collections.abc import Collection, Iterator, Sequence

from ..codes import Code
from ..findings import Finding, shown
from ..layouts import Column, Content, Layout
from .blank import is_blank
from .cells import FORMULA_STARTS, Fault, content_fault, doubt, quote_fault
from .encodings import as_text, utf8_fault, utf8_fault_at
from .records import MAX_CELLS, MAX_RECORD_BYTES, Cell, CsvRecord
from .sources import Source
from .unseen import visible

_QUOTE_OWNERS = (
    'Quote the cell and double each quote inside it: "[""a@contoso.com"",""b@contoso.com""]".'  # RFC 4180, section 2
)


# Bytes of a cell that are decoded to show it: more than the letters that are shown.
_SHOWN_BYTES = 400

# Cells of a column that are remembered to be right, if they are as short as this: names of permissions, types and other
# values that many rows have.
_MOST_REMEMBERED = 1_000
_MOST_REMEMBERED_BYTES = 128

_SEPARATORS = {b",": "a comma", b";": "a semicolon", b"\t": "a tab", b"|": "a vertical bar"}


class RowRules:
    """The rules for the rows of files with one header.

    ``principal`` is the place of the principal among the sources, and ``principal_name`` what the file calls it.
    """

    def __init__(
        self,
        layout: Layout,
        names: Sequence[str],
        sources: Sequence[Source],
        principal_types: Collection[str],
        *,
        separator: bytes = b",",
        encoding: str | None = None,
    ) -> None:
        """Prepare to check rows.

        Args:
            layout: the layout of the rows.
            names: those of the file's columns, in their order.
            sources: where each column of the layout has its cells from.
            principal_types: the allowed values of ``principalType``.
            separator: the character between two cells.
            encoding: of the file, if it is not UTF-8.
        """
        columns = [source.column.name for source in sources]
        self.layout = layout
        self.principal = columns.index(layout.key[0])
        self.principal_name = sources[self.principal].name
        self._names = names
        self._sources = sources
        self._principal_types = principal_types
        self._separator = separator
        self._encoding = encoding
        # Constants do not tell rows apart.
        self._key = [columns.index(name) for name in layout.key if sources[columns.index(name)].file_index is not None]
        self._ids = set(layout.key[1:])
        self._owners = [place for place, source in enumerate(sources) if source.column.content is Content.OWNER_IDS]
        # Findings are told in the order of the file's columns.
        checked = [place for place, source in enumerate(sources) if source.file_index is not None]
        self._checked = sorted(checked, key=lambda place: sources[place].file_index or 0)
        self._right: list[set[tuple[bytes, bool]]] = [set() for _ in sources]
        self._constants = [Cell(source.constant, quoted=True, begin=0, lines_down=0, fault=None) for source in sources]
        # The column whose cells may be a JSON array without quotes, as Microsoft's own example has them.
        owners = [source.file_index for source in sources if source.column.content is Content.OWNERS]
        self.array_column = owners[0] if owners else None

    def key(self, cells: Sequence[Cell]) -> tuple[bytes, ...]:
        """What identifies a row without findings, as far as it is seen; the first is its principal."""
        return tuple(visible(cells[place].value.decode()).encode() for place in self._key)

    def has_owner_ids(self, cells: Sequence[Cell]) -> bool:
        """Whether a row without findings names owners by their object ids."""
        return any(not is_blank(cells[place].value.decode()) for place in self._owners)

    def fault_of_row(self, data: bytes, start: int, record: CsvRecord, line: int) -> Finding | None:
        """What is wrong with a row as a whole; ``None`` if it has the cells that it should have.

        Args:
            data: the bytes that contain the row.
            start: where it begins there.
            record: the row.
            line: its physical line.
        """
        if record.unclosed is not None and (record.too_long or len(record.cells) != len(self._names)):
            return self._unclosed_quote(record.cells[record.unclosed], record.unclosed, line)
        if record.too_long:
            message = f"The row is longer than the limit of {MAX_RECORD_BYTES:,} bytes or {MAX_CELLS:,} cells."
            return Finding(Code.ROW_TOO_LONG, message, line)
        invalid = utf8_fault_at(data[start : record.end])
        if invalid is not None:
            position = start + invalid
            message = utf8_fault(data[position], self._encoding)
            return self._invalid_utf8(message, position, record, line + data.count(b"\n", start, position))
        return self._wrong_count(record, line) if len(record.cells) != len(self._names) else None

    def cells(self, record: CsvRecord) -> list[Cell]:
        """The cells of a row that is right as a whole, by the sources."""
        return [
            constant if source.file_index is None else record.cells[source.file_index]
            for source, constant in zip(self._sources, self._constants, strict=True)
        ]

    def check(self, cells: Sequence[Cell], line: int, about_account: Fault | None = None) -> Iterator[Finding]:
        """Report the findings and warnings about the cells of a row.

        Args:
            cells: by the sources.
            line: the physical line on which the row begins.
            about_account: what is to be said about the account of the row.
        """
        for place in self._checked:
            cell, source, right = cells[place], self._sources[place], self._right[place]
            if about_account is not None and place == self.principal:
                yield Finding(*about_account, line + cell.lines_down, source.name, shown(cell.value.decode()))
                if not about_account.code.is_warning:
                    continue
            may_be_remembered = cell.fault is None and not cell.is_array
            if may_be_remembered and (cell.value, cell.quoted) in right:
                continue
            finding = self._check_cell(source, cell, cell.value.decode(), line + cell.lines_down)
            if finding is not None:
                yield finding
            elif may_be_remembered and len(cell.value) <= _MOST_REMEMBERED_BYTES and len(right) < _MOST_REMEMBERED:
                right.add((cell.value, cell.quoted))

    def account(self, cells: Sequence[Cell]) -> str | None:
        """The account of a row, if it has one that can be matched with a user."""
        cell = cells[self.principal]
        text = cell.value.decode()
        account = Column(self._sources[self.principal].column.name, required=True)
        return None if cell.fault or content_fault(account, cell, text, self._principal_types) else text

    def _name(self, index: int) -> str | None:
        return self._names[index] if index < len(self._names) else None

    def _unclosed_quote(self, cell: Cell, index: int, line: int) -> Finding:
        value = shown(as_text(cell.value[:_SHOWN_BYTES]))
        return Finding(*quote_fault(cell), line + cell.lines_down, self._name(index), value)

    def _invalid_utf8(self, message: str, position: int, record: CsvRecord, line: int) -> Finding:
        index = sum(cell.begin <= position for cell in record.cells) - 1
        value = shown(as_text(record.cells[index].value[:_SHOWN_BYTES]))
        return Finding(Code.INVALID_UTF8, message, line, self._name(index), value)

    def _wrong_count(self, record: CsvRecord, line: int) -> Finding:
        count, expected = len(record.cells), len(self._names)
        if self.array_column is not None and self.array_column < count:
            cell = record.cells[self.array_column]
            source = next(source for source in self._sources if source.file_index == self.array_column)
            finding = self._check_cell(source, cell, cell.value.decode(), line + cell.lines_down)
            if cell.is_array and finding is not None and not finding.code.is_warning:
                return finding  # an array that is not closed took cells from the row
        message = f"The row has {count} {'cell' if count == 1 else 'cells'}; the header has {expected}."
        if count < expected:
            message += f" There is none for {self._names[count]}."
            return Finding(Code.TOO_FEW_FIELDS, message, line, self._name(count))
        message += f" A cell that contains {_SEPARATORS[self._separator]} must be quoted as a whole."
        stray = (index for index, cell in enumerate(record.cells[:expected]) if cell.fault is Code.STRAY_QUOTE)
        return Finding(Code.TOO_MANY_FIELDS, message, line, self._name(next(stray, count)))

    def _check_cell(self, source: Source, cell: Cell, text: str, line: int) -> Finding | None:
        if cell.fault:
            return Finding(*quote_fault(cell), line, source.name, shown(text))
        fault = content_fault(source.column, cell, text, self._principal_types)
        if fault is not None:
            return Finding(*fault, line, source.name, shown(text))
        doubtful = doubt(source.column, text, is_id=source.column.name in self._ids)
        if doubtful is not None:
            return Finding(*doubtful, line, source.name, shown(text))
        if text.startswith(FORMULA_STARTS):
            message = f"'{shown(text)}' begins like a formula. A spreadsheet evaluates it when somebody opens the file."
            return Finding(Code.FORMULA_CELL, message, line, source.name, shown(text))
        if cell.is_array and '"' in text:
            message = f"The JSON array is not quoted, so other programs split it at its commas. {_QUOTE_OWNERS}"
            return Finding(Code.UNQUOTED_OWNERS, message, line, source.name, shown(text))
        return None
