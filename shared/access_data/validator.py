"""Checks a CSV file of access data as it arrives, and reports every fault with its line and column.

Two readers share the work: the fast one recognizes rows without faults, many at a time; the careful one reads each of
the others. The result does not depend on how the file is split into pieces.
"""

import re
from collections.abc import Collection, Generator, Iterator

from .cells import FORMULA_STARTS, content_fault, quote_fault
from .clean_rows import CleanRows, ScannedLines, row_key
from .duplicates import DuplicateRows
from .findings import Collected, Finding, Report, shown
from .header import HEADER_RULE, read_header
from .layouts import Column, Content, Layout
from .patterns import compiled
from .records import MAX_CELLS, MAX_RECORD_BYTES, Cell, CsvRecord, read_record

# Bytes that are checked in one step: less than a millisecond, during which the event loop waits.
BATCH_BYTES = 128 * 1024

# Findings that are counted. A file with more of them is not access data; the rest of it is not checked.
MAX_FINDINGS_COUNTED = 100_000

# Cells that the careful reader reads in one step; a record has between 1 and 1,000.
_CELLS_A_STEP = 400

_BLANK_LINES = compiled(rb"(?:\r?\n)++")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BEGINNING_BYTES = 4  # enough to recognize the encoding


class Validator:
    """Checks one file, in constant memory except for 12 bytes a row (of the first million) that find repeated rows.

    Call ``feed`` for each piece, then ``finish``. In an event loop, iterate ``feeding`` and ``finishing`` instead,
    which do the same in steps of a millisecond or less, then call ``report``.
    """

    def __init__(
        self, *, principal_types: Collection[str], max_findings: int = 1000, batch_bytes: int = BATCH_BYTES
    ) -> None:
        self._principal_types = principal_types
        self._findings = Collected(max_findings)
        self._warnings = Collected(max_findings)
        self._batch_bytes = batch_bytes
        self._pieces: list[bytes] = []
        self._pending = 0
        self._rest = b""
        self._offset = 0  # the position of the rest in the file
        self._line = 1  # the line on which the rest begins
        self._begun = False
        self._skipping = False  # until the end of a record that is too long
        self._stopped: bool = False  # the header is unusable, so rows are not checked
        self._blank_lines: list[int] = []  # first and last line of a run of blank lines, while no row follows it
        self._layout: Layout | None = None
        self._columns: tuple[Column, ...] = ()
        self._clean_rows: CleanRows | None = None
        self._rows = 0
        self._duplicates = DuplicateRows()

    @property
    def finding_count(self) -> int:
        """The number of findings so far. The file is refused as soon as it is not 0."""
        return self._findings.count

    def feed(self, data: bytes) -> None:
        """Check the next bytes of the file."""
        for _ in self.feeding(data):
            pass

    def feeding(self, data: bytes) -> Iterator[None]:
        """Check the next bytes in steps, so that an event loop can run others in between."""
        self._pieces.append(data)
        self._pending += len(data)
        if self._pending >= self._batch_bytes:
            yield from self._check(final=False)

    def finish(self) -> Report:
        """End the file and report."""
        for _ in self.finishing():
            pass
        return self.report()

    def finishing(self) -> Iterator[None]:
        """End the file in steps, as ``feeding`` does; call ``report`` afterwards."""
        yield from self._check(final=True)
        if not self._findings.count:
            yield from self._duplicates.search(self._warnings.room)
            for line, first in self._duplicates.first:
                message = f"The row has the same principal and permission as line {first}. One of them is enough."
                self._warnings.add(Finding("duplicatePermission", message, line))
            self._warnings.count += self._duplicates.count - len(self._duplicates.first)

    def report(self) -> Report:
        """The result, after the file has ended."""
        return Report(
            layout=self._layout.name if self._layout else None,
            rows=self._rows,
            findings=tuple(self._findings.first),
            finding_count=self._findings.count,
            all_counted=self._findings.count < MAX_FINDINGS_COUNTED,
            warnings=tuple(self._warnings.first),
            warning_count=self._warnings.count,
            duplicates_checked=self._duplicates.complete,
        )

    def _check(self, *, final: bool) -> Iterator[None]:
        """Check the bytes received: at the end of the file all of them, otherwise the complete records."""
        data = b"".join((self._rest, *self._pieces))
        self._pieces.clear()
        self._pending = 0
        if not self._begun and len(data) < _BEGINNING_BYTES and not final:
            self._rest = data
            return
        position = 0
        if not self._begun:
            self._begun = True
            position = self._begin(data)
        if not self._stopped:
            position = yield from self._read(data, position, final=final)
        if final and not self._columns and not self._findings.count:
            self._find(
                "emptyFile",
                "The file is empty. It needs a header row, and a row for each permission of each principal.",
                1,
            )
        self._offset += position
        self._rest = b"" if self._stopped else data[position:]

    def _read(self, data: bytes, position: int, *, final: bool) -> Generator[None, None, int]:
        """Read records from ``position`` on. Returns where the last complete one ends."""
        scanned: ScannedLines | None = None
        last_line_break = data.rfind(b"\n")
        taken = 0
        while position < len(data) and not self._stopped:
            if self._skipping:
                end = data.find(b"\n", position) + 1
                self._skipping = end == 0
                position = self._passed(data, position, end or len(data))
                continue
            if self._clean_rows is not None and position < last_line_break:
                scanned = scanned or self._clean_rows.scan(data, position)
                clean_end, keys = scanned.run(position)
                if keys:
                    self._take_clean_rows(keys)
                    position = clean_end
                    continue
            blank = _BLANK_LINES.match(data, position)
            if blank is not None:
                position = self._take_blank_lines(data, blank)
                continue
            record = read_record(data, position, final=final)
            if record is None:
                break
            self._take_record(data, position, record)
            position = self._passed(data, position, record.end)
            self._stopped = self._stopped or self._findings.count >= MAX_FINDINGS_COUNTED
            taken += len(record.cells) + 1
            if taken >= _CELLS_A_STEP:
                taken = 0
                yield
        return position

    def _passed(self, data: bytes, start: int, end: int) -> int:
        self._line += data.count(b"\n", start, end)
        return end

    def _begin(self, data: bytes) -> int:
        """Check how the file begins. Returns where its text begins."""
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]:
            message = "The file is UTF-16 text ('Unicode Text' in Excel). Save it as CSV UTF-8 and upload that."
            self._stop("utf16", message)
            return len(data)
        return len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else 0

    def _stop(self, code: str, message: str, value: str | None = None) -> None:
        self._find(code, message, 1, value=value)
        self._stopped = True

    def _find(
        self, code: str, message: str, line: int | None, column: str | None = None, value: str | None = None
    ) -> None:
        self._findings.add(Finding(code, message, line, column, value))

    # Rows

    def _take_clean_rows(self, keys: list[bytes]) -> None:
        self._report_blank_lines()
        self._rows += len(keys)
        self._duplicates.add(keys, self._line)
        self._line += len(keys)

    def _take_record(self, data: bytes, start: int, record: CsvRecord) -> None:
        if record.blank:  # a lone carriage return at the end of the file
            return
        if self._layout is None and not self._blank_lines:
            self._take_header(data[start : record.end], record)
            return
        self._report_blank_lines()
        if self._stopped:
            return
        if record.too_long:
            self._skipping = record.open
            message = (
                f"The row is longer than the limit of {MAX_RECORD_BYTES:,} bytes or {MAX_CELLS:,} cells. Usually a "
                'quote (") in this line is never closed.'
            )
            self._find("rowTooLong", message, self._line)
            return
        self._rows += 1
        raw = data[start : record.end]
        if not _is_utf8(raw):
            self._find_invalid_utf8(raw, start)
            return
        self._check_row(record)

    def _take_blank_lines(self, data: bytes, blank: re.Match[bytes]) -> int:
        first = (self._blank_lines or [self._line])[0]
        end = self._passed(data, blank.start(), blank.end())
        self._blank_lines = [first, self._line - 1]
        return end

    def _report_blank_lines(self) -> None:
        """Report the blank lines before a row. Blank lines at the end of the file are allowed."""
        if self._blank_lines:
            first, last = self._blank_lines
            self._blank_lines = []
            if self._layout is None:
                self._stop("missingHeader", f"The file begins with a blank line. {HEADER_RULE}")
                return
            self._findings.add_blank_lines(first, last)

    def _find_invalid_utf8(self, raw: bytes, start: int) -> None:
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            offset = self._offset + start + error.start
            message = (
                f"Byte 0x{raw[error.start]:02X} at offset {offset} of the file is not UTF-8 text. Save the file as CSV "
                "UTF-8 and upload that."
            )
            line = self._line + raw.count(b"\n", 0, error.start)
            self._find("invalidUtf8", message, line, self._column_at(raw, error.start))

    def _column_at(self, raw: bytes, offset: int) -> str | None:
        """The column that contains the byte at this offset of a record."""
        cut = read_record(raw[:offset], 0, final=True) if offset else None
        index = len(cut.cells) - 1 if cut else 0
        return self._columns[index].name if index < len(self._columns) else None

    def _check_row(self, record: CsvRecord) -> None:
        expected = len(self._columns)
        if len(record.cells) != expected:
            self._find_wrong_count(record, expected)
            return
        texts = [cell.value.decode() for cell in record.cells]
        for column, cell, text in zip(self._columns, record.cells, texts, strict=True):
            self._check_cell(column, cell, text)
        if self._layout is not None and not self._findings.count:
            key = {column.name: cell.value for column, cell in zip(self._columns, record.cells, strict=True)}
            self._duplicates.add([row_key(key[self._layout.principal], key[self._layout.permission])], self._line)

    def _find_wrong_count(self, record: CsvRecord, expected: int) -> None:
        count = len(record.cells)
        unclosed = next((cell for cell in record.cells if cell.fault == "unclosedQuote"), None)
        if unclosed is not None:
            value = shown(unclosed.value.decode(errors="replace"))
            self._find(*quote_fault(unclosed), self._line + unclosed.lines_down, value=value)
            return
        code = "tooFewFields" if count < expected else "tooManyFields"
        message = f"The row has {count} {'cell' if count == 1 else 'cells'}; the header has {expected}."
        owners = next((index for index, column in enumerate(self._columns) if column.content is Content.OWNERS), None)
        if owners is not None and count > expected and record.cells[owners].value.startswith(b"["):
            message += (
                f" {self._columns[owners].name} is a JSON array without quotes, as in Microsoft's own example, so that "
                "each comma in it begins a new cell. Quote the cell and double each quote inside it: "
                '"[""a@contoso.com"",""b@contoso.com""]".'
            )
        elif count > expected:
            message += " A cell that contains a comma must be quoted."
        self._find(code, message, self._line)

    def _check_cell(self, column: Column, cell: Cell, text: str) -> None:
        line = self._line + cell.lines_down
        # Microsoft's own example has the owners unquoted.
        owners_unquoted = column.content is Content.OWNERS and not cell.quoted and text.startswith("[")
        if cell.fault and not owners_unquoted:
            self._find(*quote_fault(cell), line, column.name, shown(text))
        elif fault := content_fault(column, cell, text, self._principal_types):
            self._find(*fault, line, column.name, shown(text))
        elif text.startswith(FORMULA_STARTS):
            message = f"'{shown(text)}' begins like a formula. A spreadsheet evaluates it when somebody opens the file."
            self._warnings.add(Finding("formulaCell", message, line, column.name, shown(text)))

    def _take_header(self, raw: bytes, record: CsvRecord) -> None:
        header = read_header(raw, record)
        for finding in header.findings:
            self._findings.add(finding)
        self._layout = header.layout
        self._columns = header.columns
        if header.layout is None or header.findings:
            self._stopped = True
        else:
            self._clean_rows = CleanRows(header.layout, header.columns, self._principal_types)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
