"""Checks a CSV file of access data as it arrives, reports every fault with its line and column, and makes its rows.

Two readers share the work: the fast one recognizes rows without faults, many at a time; the careful one reads each of
the others. The result does not depend on how the file is split into pieces.
"""

from collections.abc import Collection, Generator, Iterator

from .careful.beginning import BEGINNING_BYTES, read_beginning
from .careful.cells import Fault
from .careful.header import HEADER_RULE
from .careful.records import Cell, CsvRecord, read_record
from .careful.rows import RowRules
from .causes.files import cause_of_file
from .causes.rows import RowCauses
from .codes import Code
from .fast.clean_rows import CleanRows, CleanRun, ScannedLines
from .fast.quotes import CR, LF
from .findings import Collected, Finding, Report
from .layouts import Layout
from .separating.file_end import lines_at
from .separating.separation import Separation
from .steps.making import ALLOWED, Making, Steps
from .totals import Totals

# Bytes that are checked at a time, in steps of half a millisecond each, during which the event loop waits. A NumPy
# operation takes a microsecond more than its work: with batches of half the size, files take a fifth longer.
BATCH_BYTES = 512 * 1024

# Faults that are counted, unless more are listed. A file with more of them is not access data; the rest is not checked.
MAX_FAULTS_COUNTED = 30_000

# Cells that the careful reader reads in one step; a record has between 1 and 1,000.
_CELLS_A_STEP = 400

_LINE_WITHOUT_VALUES = (
    "The line has no values (it is blank, or has only separators or end-of-file characters), and rows follow it. "
    "Remove the line."
)

# Findings about a header that are the cause themselves.
_CAUSES = (Code.SEMICOLON_SEPARATOR, Code.TAB_SEPARATOR, Code.OTHER_SEPARATOR)


class Validator:
    """Checks one file, in constant memory except for 8 bytes a row (of the first million) that find repeated rows.

    Call ``feed`` for each piece, then ``finish``. In an event loop, iterate ``feeding`` and ``finishing`` instead,
    which do the same in steps of a millisecond or less, then call ``report``.

    A file that is not in Graph's form is accepted as far as nothing is lost, or is declared (``Steps``). If its rows
    are to be written in that form, take them with ``take_rows`` after each step: they may be much larger.
    """

    def __init__(
        self,
        *,
        principal_types: Collection[str],
        max_findings: int = 1000,
        batch_bytes: int = BATCH_BYTES,
        steps: Steps = ALLOWED,
        requires_object_ids: bool = False,
    ) -> None:
        """Prepare to check a file.

        Args:
            principal_types: the allowed values of ``principalType``.
            max_findings: how many findings, and how many warnings, are kept.
            batch_bytes: how much is checked at a time.
            steps: what may be done with a file that is not in Graph's form.
            requires_object_ids: whether user principal names are a finding, and not a warning.
        """
        self._requires_object_ids = requires_object_ids
        self._separation = Separation()
        self._making = Making(steps, principal_types, self._separation.conversions)
        self._converts = steps.allowed
        self._principal_types = principal_types
        self._most_faults = max(MAX_FAULTS_COUNTED, max_findings)
        self._findings = Collected(max_findings)
        self._warnings = Collected(max_findings)
        self._batch_bytes = batch_bytes
        self._received = bytearray()  # not yet checked; some clients send two bytes at a time
        self._rest = b""
        self._line = 1  # the line on which the rest begins
        self._header_line = 1
        self._begun = False
        self._skipping = False  # until the end of a record that is too long
        self._stopped: bool = False  # the header is unusable, so rows are not checked
        self._beginning = b""
        self._layout: Layout | None = None
        self._rules: RowRules | None = None
        self._row_causes = RowCauses((), (), b",")
        self._clean_rows: CleanRows | None = None
        self._totals = Totals()

    @property
    def finding_count(self) -> int:
        """The number of findings so far. The file is refused as soon as it is not 0."""
        return self._findings.count

    def feed(self, data: bytes) -> None:
        """Check the next bytes of the file."""
        for _ in self.feeding(data):
            pass

    def take_rows(self) -> bytes:
        """The rows that were made since the last call, in Graph's form; after a finding no more are made."""
        rows = self._making.take()
        return b"" if self._findings.count else rows

    def feeding(self, data: bytes) -> Iterator[None]:
        """Check the next bytes in steps, so that an event loop can run others in between."""
        self._received += self._making.decode(data)
        if len(self._received) >= self._batch_bytes:
            yield from self._check(final=False)

    def finish(self) -> Report:
        """End the file and report."""
        for _ in self.finishing():
            pass
        return self.report()

    def finishing(self) -> Iterator[None]:
        """End the file in steps, as ``feeding`` does; call ``report`` afterwards."""
        self._received += self._making.decode(b"", final=True)
        yield from self._check(final=True)
        self._separation.end.close(self._line)
        if self._rules is None and not self._findings.count:
            message = "The file is empty. It needs a header row, and a row for each permission of each principal."
            self._report(Finding(Code.EMPTY_FILE, message, 1))
        elif not self._totals.rows and not self._findings.count:
            message = "The file has a header and no rows, so it says that nobody has access. Is this intended?"
            self._report(Finding(Code.NO_ROWS, message, self._header_line))
        if not self._findings.count:
            self._warn_about_file()
            converted = self._separation.conversions.finding(allowed=self._converts)
            if converted is not None:
                (self._warnings if self._converts else self._findings).add_first(converted)
            yield from self._totals.add_repeated_rows(self._warnings)

    def report(self) -> Report:
        """The result, after the file has ended."""
        return Report(
            layout=self._layout.name if self._layout else None,
            rows=self._totals.rows,
            findings=self._findings.first,
            finding_count=self._findings.count,
            all_counted=self._findings.places < self._most_faults,
            warnings=self._warnings.first,
            warning_count=self._warnings.count,
            duplicates_checked=self._totals.duplicates_checked,
            columns=self._making.names,
            made=self._making.made(),
        )

    def _warn_about_file(self) -> None:
        """Add the warnings that only all rows together give reason for, one of each for the file."""
        left_out = self._making.warning(self._header_line)
        if left_out is not None:
            self._warnings.add_first(left_out)
        if self._rules is None or not self._totals.rows:
            return
        ownerless = self._totals.without_owners(self._header_line) if self._rules.layout.has_owner_ids else None
        if ownerless is not None:
            self._warnings.add_first(ownerless)
        named = self._totals.with_names(self._rules.principal_name)
        if named is not None:
            (self._findings if self._requires_object_ids else self._warnings).add_first(named)

    def _check(self, *, final: bool) -> Iterator[None]:
        """Check the bytes received: at the end of the file all of them, otherwise the complete records."""
        received = self._received
        self._received = bytearray()
        if self._begun:
            data = self._rest + self._separation.receive(bytes(received), final=final)
            position = 0
        else:
            data = self._rest + received
            if len(data) < BEGINNING_BYTES and not final:
                self._rest = data
                return
            self._begun = True
            data, position = self._begin(data, final=final)
        data = self._separation.end.hold(data)
        rest = b"" if self._stopped else (yield from self._read(data, position, final=final))
        self._rest = b"" if self._stopped else rest + self._separation.end.release(final=final)

    def _read(self, data: bytes, position: int, *, final: bool) -> Generator[None, None, bytes]:
        """Read records from ``position`` on. Returns what is left after the last complete one."""
        scanned: ScannedLines | None = None
        last_line_break = data.rfind(b"\n")
        unclean = looked = -1  # up to where there are no clean rows, and up to where all is plain
        taken = 0
        while position < len(data) and not self._stopped:
            if self._skipping:
                line_end = data.find(b"\n", position) + 1
                self._skipping = line_end == 0
                position = self._passed(data, position, line_end or len(data))
                continue
            end = lines_at(data, position, self._making.separator)
            if end is None and self._clean_rows is not None and unclean <= position < last_line_break:
                if scanned is None or position >= scanned.end:
                    writes = not self._findings.count
                    scanned = yield from self._clean_rows.scan(data, position, writes=writes)
                run = scanned.run(position)
                if len(run.hashes):
                    self._take_clean_rows(run)
                    position = run.end
                    continue
                unclean = scanned.next_run(position)
            if position >= looked:
                plain, looked = yield from self._separation.plain(
                    data, position, self._line, self._making.separator, first=looked < 0, final=final
                )
                if looked < 0:
                    break
                if plain is not data:
                    data, scanned, unclean = plain, None, 0
                    last_line_break = data.rfind(b"\n")
                    continue
            if end is not None:
                self._separation.end.add(data[position:end], self._line)
                position = self._passed(data, position, end)
                continue
            record = self._next_record(data, position, final=final)
            if record is None:
                break
            self._take_record(data, position, record)
            position = self._passed(data, position, record.end)
            self._stopped = self._stopped or self._findings.places >= self._most_faults
            taken += len(record.cells) + 1
            if taken >= _CELLS_A_STEP:
                taken = 0
                yield
        return data[position:]

    def _next_record(self, data: bytes, position: int, *, final: bool) -> CsvRecord | None:
        """The record at ``position``; ``None`` if its end has not been received yet."""
        if self._rules is None:
            return self._making.header_record(data, position, final=final)
        array_column, separator = self._rules.array_column, self._making.separator
        return read_record(data, position, final=final, array_column=array_column, separator=separator)

    def _passed(self, data: bytes, start: int, end: int) -> int:
        self._line += data.count(b"\n", start, end)
        return end

    def _begin(self, data: bytes, *, final: bool) -> tuple[bytes, int]:
        """Check how the file begins. Returns its bytes, and where its header begins."""
        self._beginning = data[:BEGINNING_BYTES]
        beginning = read_beginning(data)
        if beginning.finding is not None:
            self._stop(beginning.finding)
            return data, len(data)
        finding = beginning.separator and self._making.take_separator_line(beginning.separator)
        if finding:
            self._stop(finding)
            return data, len(data)
        self._line += beginning.lines
        return self._separation.begin(data, beginning.start, self._line, final=final), beginning.start

    def _stop(self, finding: Finding) -> None:
        """Report a finding after which rows cannot be checked."""
        self._report(finding)
        self._stopped = True

    def _report(self, finding: Finding) -> None:
        collected = self._warnings if finding.code.is_warning else self._findings
        if finding.code.once:
            collected.add_repeated(finding)
        else:
            collected.add(finding)

    # Rows

    def _take_clean_rows(self, run: CleanRun) -> None:
        self._report_lines_before()
        if self._separation.compares_line_ends:
            self._separation.line_ends(self._line, run.returned)
        self._totals.add_clean(run, self._line)
        if run.matched is not None and self._making.matching is not None:
            self._making.matching.count_all(run.matched)
        if run.text is not None:
            self._making.write(run.text.data)
        self._line += len(run.hashes)

    def _take_record(self, data: bytes, start: int, record: CsvRecord) -> None:
        if record.blank:  # a lone carriage return at the end of the file
            return
        if record.empty:
            self._separation.end.add(data[start : record.end], self._line)
            return
        self._report_lines_before()
        if self._stopped:
            return
        if data[record.end - 1] == LF:
            self._separation.line_end(self._line, returned=data[record.end - 2] == CR)
        self._skipping = record.open
        if self._rules is None:
            self._take_header(data[start : record.end], record)
            return
        fault = self._rules.fault_of_row(data, start, record, self._line)
        if fault is not None:
            self._totals.rows += not record.too_long
            for finding in self._row_causes.explained([fault], data[start : record.end], record, self._line):
                self._report(finding)
            return
        self._take_row(self._rules, self._rules.cells(record), data[start : record.end], record)

    def _take_row(self, rules: RowRules, cells: list[Cell], raw: bytes, record: CsvRecord) -> None:
        """Check a row that is right as a whole; if nothing is wrong with its cells either, it is written."""
        about_account: Fault | None = None
        account = rules.account(cells) if self._making.matching is not None else None
        if self._making.matching is not None and account is not None:
            match = self._making.matching.row(account)
            if match.left_out:
                return
            about_account = match.fault
            if match.principal is not None:
                cells[rules.principal] = cells[rules.principal]._replace(value=match.principal.encode())
        self._totals.rows += 1
        found = list(rules.check(cells, self._line, about_account))
        if any(not finding.code.is_warning for finding in found):
            found = self._row_causes.explained(found, raw, record, self._line)
        for finding in found:
            self._report(finding)
        if self._findings.count:
            return
        self._totals.add_row(rules.key(cells), self._line, owned=rules.has_owner_ids(cells))
        if self._making.writes:
            self._making.write_row([cell.value for cell in cells])

    def _report_lines_before(self) -> None:
        """Report the lines without a value before a row. At the end of the file they are allowed."""
        lines = self._separation.end.take()
        if lines.count and self._rules is None:
            message = f"The file begins with a line without values. {HEADER_RULE}"
            self._stop(Finding(Code.MISSING_HEADER, message, lines.first))
        elif lines.count:
            self._findings.add_repeated(Finding(Code.BLANK_LINE, _LINE_WITHOUT_VALUES, lines.first), lines)

    def _take_header(self, raw: bytes, record: CsvRecord) -> None:
        self._header_line = self._line
        making = self._making
        columns = making.take_header(raw, record, self._line)
        self._layout = columns.layout
        cause: Finding | None = None
        if columns.findings and columns.findings[0].code not in _CAUSES:
            cause = cause_of_file(self._beginning, has_columns=bool(columns.layout))
        for finding in (cause,) if cause else columns.findings:
            self._report(finding)
        if columns.layout is None or columns.findings:
            self._stopped = True
            return
        self._row_causes = RowCauses(columns.names, making.sources, making.separator)
        self._rules = RowRules(
            columns.layout,
            columns.names,
            making.sources,
            self._principal_types,
            separator=making.separator,
            encoding=making.encoding,
        )
        self._clean_rows = CleanRows(
            columns.layout,
            len(columns.names),
            making.sources,
            self._principal_types,
            separator=making.separator[0],
            matching=making.matching,
            writes=making.writes,
        )
