"""The fast reader: finds the rows without any finding or warning, many at a time.

It applies the layout's rules to arrays of cells. A row that it does not recognize as clean goes to the careful reader,
so it may be stricter than the rules (it takes no cell that begins with a space, for example), but never laxer. A
property-based test compares the two.
"""

from collections.abc import Collection, Generator, Sequence
from typing import NamedTuple

import numpy as np

from ..careful.blank import is_blank
from ..careful.cells import FORMULA_STARTS, MAX_CELL_CHARACTERS, is_json_strings, is_object_ids
from ..careful.sources import Source
from ..layouts import Content, Layout
from ..steps.matching import Matching
from .arranging import Arranged, Arranging
from .canonical import CanonicalRows, canonical_rows
from .clean_principals import principals
from .clean_values import check_cells, check_id, check_values
from .grid import Grid, cut
from .quotes import QUOTE, Bytes, Flags, Places
from .row_hashes import Hashes, long_row_hash, row_hashes
from .words import MAX_CELL, PADDING, WORD, any_byte, as_words, cell_bytes, read_cells, windows, words_for

# No clean cell begins with one of these: the start of a formula, white space, or a quote.
_UNCLEAN_START = bytes(chr(byte) in (*FORMULA_STARTS, " ", "\v", "\f", '"') for byte in range(256))

# The first bytes, in UTF-8, of white space and of invisible characters beyond ASCII.
BLANK_STARTS = bytes(byte in b"\xc2\xd8\xdb\xdc\xe0\xe1\xe2\xe3\xef\xf0\xf3" for byte in range(256))

_FIRST_NOT_ASCII = 0x80

# What a cell must be quoted for (RFC 4180, section 2).
_SPECIAL = set(b',"\r\n')

# The most that constants may add to the lines of one scan; their number is not known before.
_MOST_BYTES_OF_CONSTANTS = 16 * 1024 * 1024


class CleanRun(NamedTuple):
    """Consecutive clean rows.

    Attributes:
        end: where they end.
        hashes: the hash of each.
        returned: which of them end with CRLF.
        named: which of them have a user principal name; ``None`` if no row of the batch has.
        owned: which of them name owners by object ids; ``None`` if the layout has no column for that.
        matched: the number of what has matched the account of each (``Matching``); ``None`` if none were matched.
        text: the rows in Graph's form, if they were asked for.
    """

    end: int
    hashes: Hashes
    returned: Flags
    named: Flags | None
    owned: Flags | None
    matched: Places | None
    text: Bytes | None


class ScannedLines:
    """The lines of a batch that are clean rows, and what is known of each of these rows."""

    def __init__(self, lines: Places, clean: Flags, rows: CleanRun, places: Places | None) -> None:
        """Store the result of a scan.

        Args:
            lines: where each line starts, and where the last one ends.
            clean: whether each line is a clean row.
            rows: all clean rows, consecutive or not.
            places: where each of them begins in their text, and where that ends.
        """
        self._places = places
        self._lines = lines
        self._unclean = np.append(np.flatnonzero(~clean), len(clean))
        self._clean = np.append(np.flatnonzero(clean), len(clean))
        self._rows = rows
        self.end = int(lines[-1])

    def run(self, position: int) -> CleanRun:
        """The consecutive clean rows from the line at ``position`` on."""
        line = int(self._lines.searchsorted(position))
        unclean_before = int(self._unclean.searchsorted(line))
        stop = int(self._unclean[unclean_before])
        rows = slice(line - unclean_before, stop - unclean_before)
        _, hashes, returned, named, owned, matched, text = self._rows
        if text is not None and self._places is not None:
            text = text[self._places[rows.start] : self._places[rows.stop]]
        return CleanRun(
            int(self._lines[stop]),
            hashes[rows],
            returned[rows],
            None if named is None else named[rows],
            None if owned is None else owned[rows],
            None if matched is None else matched[rows],
            text,
        )

    def next_run(self, position: int) -> int:
        """Where the next clean row begins, from the line at ``position`` on; the end of the lines if there is none."""
        return int(self._lines[self._clean[self._clean.searchsorted(self._lines.searchsorted(position))]])


class CleanRows:
    """The fast reader for files with one header."""

    def __init__(
        self,
        layout: Layout,
        columns: int,
        sources: Sequence[Source],
        principal_types: Collection[str],
        *,
        separator: int,
        matching: Matching | None = None,
        writes: bool = False,
    ) -> None:
        """Prepare to read rows.

        Args:
            layout: the layout of the rows.
            columns: the number of the file's columns.
            sources: where each column of the layout has its cells from; in the layout's order, if it writes.
            principal_types: the allowed values of ``principalType``.
            separator: the byte between two cells.
            matching: matches the principals with users.
            writes: whether the rows are written in Graph's form.
        """
        names = [source.column.name for source in sources]
        indexes = [source.file_index for source in sources]
        self._columns = columns
        self._separator = separator
        self._writes = writes
        arranges = matching is not None or indexes != [*range(columns)]
        self._arranging = Arranging(sources, names.index(layout.key[0]), matching) if arranges else None
        self._quoted = np.array([not _SPECIAL.isdisjoint(source.constant) for source in sources])
        # A line has two bytes or more, and each gets the constants.
        self._most_bytes = _MOST_BYTES_OF_CONSTANTS // max(sum(len(source.constant) for source in sources), 1)
        # Constants were checked when they were declared, and do not tell rows apart.
        self._varying = [place for place, index in enumerate(indexes) if index is not None]
        varying = [(place, sources[place].column) for place in self._varying]
        self._required = [place for place, column in varying if column.required]
        self._are_required = np.array([column.required for _, column in varying])
        self._key = [names.index(name) for name in layout.key if names.index(name) in self._varying]
        self._types = [place for place, column in varying if column.content is Content.PRINCIPAL_TYPE]
        self._owners = [place for place, column in varying if column.content is Content.OWNERS]
        self._owner_ids = [place for place, each in enumerate(sources) if each.column.content is Content.OWNER_IDS]
        types = {name.lower().encode() for name in principal_types}
        self._principal_types = [_Name(name) for name in sorted(types) if 0 < len(name) <= MAX_CELL]

    def scan(self, data: bytes, start: int, *, writes: bool = False) -> Generator[None, None, ScannedLines]:
        """Scan whole lines from ``start`` on, in steps of a millisecond; there must be at least one.

        The rows are only written if ``writes``, too.
        """
        end = data.rfind(b"\n") + 1
        if end - start > self._most_bytes:
            # Whole lines still: at least one.
            end = data.rfind(b"\n", start, start + self._most_bytes) + 1 or data.find(b"\n", start) + 1
        lines = memoryview(data)[start:end]
        grid = cut(lines, self._columns, PADDING, separator=self._separator, finds_commas=self._writes and writes)
        yield
        arranged = Arranged(grid, None, None)
        if self._arranging is not None:
            arranged = yield from self._arranging.arrange(grid)
        clean, rows = yield from self._check(arranged)
        lines_clean = np.zeros(len(grid.is_row), np.bool_)
        lines_clean[grid.is_row] = clean
        written: CanonicalRows | None = None
        if self._writes and writes:
            written = yield from canonical_rows(arranged.grid, clean, self._quoted)
            rows = rows._replace(text=written.text)
        return ScannedLines(grid.lines + (start - 1), lines_clean, rows, written and written.places)

    def _check(self, arranged: Arranged) -> Generator[None, None, tuple[Flags, CleanRun]]:
        """Which rows of a grid are clean, and what is known of the clean ones."""
        grid, matched = arranged.grid, arranged.matched
        lengths = grid.ends - grid.begins
        starts = grid.text[grid.begins]
        clean = self._are_plain(starts, lengths)
        if arranged.settled is not None:
            clean &= arranged.settled
        yield from check_values(grid, starts, lengths, clean)
        for column in self._types:
            clean &= self._have_principal_type(grid, column, lengths[column])
        if starts.max(initial=0) >= _FIRST_NOT_ASCII:
            for column in self._required:
                perhaps_blank = _are(BLANK_STARTS, starts[column])
                yield from check_cells(grid, column, clean, clean & perhaps_blank, _is_not_blank)
        for column in self._owners:
            yield from check_cells(grid, column, clean, clean & (lengths[column] > 0), is_json_strings)
        for column in self._owner_ids:
            yield from check_cells(grid, column, clean, clean & (lengths[column] > 0), is_object_ids)
        key = [read_cells(grid.text, grid.begins[column], lengths[column]) for column in self._key]
        are_principals, named = principals(key[0])
        clean &= are_principals
        for column, cells in zip(self._key[1:], key[1:], strict=True):
            yield from check_id(grid, column, cells, clean)
        if grid.has_quotes:
            # A doubled quote means one quote; the careful reader handles that.
            for cells in key[1:]:
                clean &= ~any_byte(cell_bytes(cells.words) == QUOTE)
        hashes = row_hashes([cells.words for cells in key])
        long = np.zeros(len(clean), np.bool_)
        for cells in key[1:]:
            long |= ~cells.fit
        for row in np.flatnonzero(clean & long).tolist():
            cut_key = tuple(grid.cell(column, row) for column in self._key)
            clean[row] = QUOTE not in b"".join(cut_key)
            hashes[row] = long_row_hash(cut_key)
        owned = np.logical_or.reduce(lengths[self._owner_ids] > 0, axis=0) if self._owner_ids else None
        returned = grid.returned
        if not clean.all():
            hashes = hashes[clean]
            returned = returned[clean]
            named = None if named is None else named[clean]
            owned = None if owned is None else owned[clean]
            matched = None if matched is None else matched[clean]
        return clean, CleanRun(len(clean), hashes, returned, named, owned, matched, None)

    def _are_plain(self, starts: Bytes, lengths: Places) -> Flags:
        """Which rows have cells of normal length and beginning, and a value where one is required."""
        if len(self._varying) < len(starts):
            starts, lengths = starts[self._varying], lengths[self._varying]
        empty = lengths == 0
        faults = _are(_UNCLEAN_START, starts) & ~empty
        # A cell has at most as many characters as bytes.
        faults |= lengths > MAX_CELL_CHARACTERS
        plain: Flags = ~(faults.any(axis=0) | empty[self._are_required].any(axis=0))
        return plain

    def _have_principal_type(self, grid: Grid, column: int, lengths: Places) -> Flags:
        """Which rows have one of the allowed principal types."""
        allowed = np.zeros(len(lengths), np.bool_)
        for name in self._principal_types:
            allowed |= name.is_in(grid.text, grid.begins[column], lengths)
            if allowed.all():
                break
        return allowed


class _Name:
    """A name that cells are compared with. Upper and lower case of ASCII letters are the same."""

    def __init__(self, name: bytes) -> None:
        """Take the name in lower case."""
        padded = name.ljust(words_for(len(name)) * WORD, b"\0")
        self._length = len(name)
        self._words = as_words(padded)
        self._used = as_words(0xFF if byte else 0 for byte in padded)
        # The bit that distinguishes a lower case letter from an upper case one.
        self._case = as_words(0x20 if ord("a") <= byte <= ord("z") else 0 for byte in padded)

    def is_in(self, text: Bytes, begins: Places, lengths: Places) -> Flags:
        """Which cells are this name."""
        cells = windows(text, begins, len(self._words))
        matches: Flags = lengths == self._length
        for index, word in enumerate(self._words):
            matches &= cells[:, index] & self._used[index] | self._case[index] == word
        return matches


def _are(kinds: bytes, starts: Bytes) -> Flags:
    """Which bytes a table of all bytes has as true."""
    return np.frombuffer(starts.tobytes().translate(kinds), np.bool_).reshape(starts.shape)


def _is_not_blank(text: str) -> bool:
    return not is_blank(text)
