"""Checks a CSV file of access data as it arrives, and reports every fault with its line and column.

Two readers share the work: the fast one recognizes rows without faults, many at a time; the careful one reads each of
the others. The result does not depend on how the file is split into pieces.
"""

import re
from collections.abc import Collection, Generator, Iterator

from .careful.beginning import BEGINNING_BYTES, read_beginning
from .careful.header import HEADER_RULE, read_header
from .careful.records import CsvRecord, read_record
from .careful.rows import RowRules
from .codes import Code
from .fast.clean_rows import CleanRows, ScannedLines
from .fast.duplicates import DuplicateRows
from .fast.row_hashes import Hashes
from .findings import Collected, Finding, Report
from .layouts import Layout

# Bytes that are checked at a time, in two steps of half a millisecond each, during which the event loop waits. A NumPy
# operation takes a microsecond more than its work: with batches of half the size, files take a fifth longer.
BATCH_BYTES = 512 * 1024

# Findings that are counted. A file with more of them is not access data; the rest of it is not checked.
MAX_FINDINGS_COUNTED = 100_000

# Cells that the careful reader reads in one step; a record has between 1 and 1,000.
_CELLS_A_STEP = 400

_BLANK_LINES = re.compile(rb"(?:\n|\r\n)++")


class Validator:
    """Checks one file, in constant memory except for 8 bytes a row (of the first million) that find repeated rows.

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
        self._header_line = 1
        self._begun = False
        self._skipping = False  # until the end of a record that is too long
        self._stopped: bool = False  # the header is unusable, so rows are not checked
        self._blank_lines: list[int] = []  # first and last line of a run of blank lines, while no row follows it
        self._layout: Layout | None = None
        self._rules: RowRules | None = None
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
        if self._rules is None and not self._findings.count:
            message = "The file is empty. It needs a header row, and a row for each permission of each principal."
            self._report(Finding(Code.EMPTY_FILE, message, 1))
        elif not self._rows and not self._findings.count:
            message = "The file has a header and no rows, so it says that nobody has access. Is this intended?"
            self._report(Finding(Code.NO_ROWS, message, self._header_line))
        if not self._findings.count:
            yield from self._duplicates.search(self._warnings.room)
            for line, first in self._duplicates.first:
                message = f"The row has the same principal and permission as line {first}. One of them is enough."
                self._warnings.add(Finding(Code.DUPLICATE_PERMISSION, message, line))
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
        if not self._begun and len(data) < BEGINNING_BYTES and not final:
            self._rest = data
            return
        position = 0
        if not self._begun:
            self._begun = True
            position = self._begin(data)
        if not self._stopped:
            position = yield from self._read(data, position, final=final)
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
                if scanned is None:
                    scanned = yield from self._clean_rows.scan(data, position)
                clean_end, hashes = scanned.run(position)
                if len(hashes):
                    self._take_clean_rows(hashes)
                    position = clean_end
                    continue
            blank = _BLANK_LINES.match(data, position)
            if blank is not None:
                position = self._take_blank_lines(data, blank)
                continue
            array_column = self._rules.array_column if self._rules else None
            record = read_record(data, position, final=final, array_column=array_column)
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
        """Check how the file begins. Returns where its header begins."""
        beginning = read_beginning(data)
        if beginning.finding is not None:
            self._stop(beginning.finding)
            return len(data)
        self._line += beginning.lines
        return beginning.start

    def _stop(self, finding: Finding) -> None:
        """Report a finding after which rows cannot be checked."""
        self._report(finding)
        self._stopped = True

    def _report(self, finding: Finding) -> None:
        (self._warnings if finding.code.is_warning else self._findings).add(finding)

    # Rows

    def _take_clean_rows(self, hashes: Hashes) -> None:
        self._report_blank_lines()
        self._rows += len(hashes)
        self._duplicates.add(hashes, self._line)
        self._line += len(hashes)

    def _take_record(self, data: bytes, start: int, record: CsvRecord) -> None:
        if record.blank:  # a lone carriage return at the end of the file
            return
        self._report_blank_lines()
        if self._stopped:
            return
        self._skipping = record.open
        if self._rules is None:
            self._take_header(data[start : record.end], start, record)
            return
        self._rows += not record.too_long
        for finding in self._rules.check(data, start, record, self._line, self._offset):
            self._report(finding)
        if not self._findings.count:
            self._duplicates.add_row(*self._rules.key(record), self._line)

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
            if self._rules is None:
                message = f"The file begins with a blank line. {HEADER_RULE}"
                self._stop(Finding(Code.MISSING_HEADER, message, first))
                return
            self._findings.add_blank_lines(first, last)

    def _take_header(self, raw: bytes, start: int, record: CsvRecord) -> None:
        self._header_line = self._line
        header = read_header(raw, record, self._line, self._offset + start)
        for finding in header.findings:
            self._report(finding)
        if header.layout is None or header.findings:
            self._stopped = True
            self._layout = header.layout
            return
        self._layout = header.layout
        self._rules = RowRules(header.layout, header.columns, self._principal_types)
        self._clean_rows = CleanRows(header.layout, header.columns, self._principal_types)
