"""Reads a directory: a CSV file with a row for each user, as Microsoft Entra and Microsoft Graph PowerShell export it.

What becomes the index is written to temporary files on the way, which have no name, and hold digests only. So the
memory does not grow with the number of users, but for five bytes for each.
"""

import re
from array import array
from collections.abc import Generator, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

import numpy as np

from ..careful.cells import GUID
from ..codes import Code
from ..findings import Finding, shown
from .comparing import comparable, stripped
from .digests import digests
from .index import Rows, attribute_of, users_of
from .lists import MAX_FINDINGS, ListError, ListReader, ListRow, duplicate_names

# What the index of a process has room for, and a tenant of Microsoft Entra rarely has more.
MAX_USERS = 1_000_000

# The export of the Entra portal has 30 columns, of which a third have values.
MAX_ATTRIBUTES = 60
MAX_VALUES = 12 * MAX_USERS
MAX_NAME = 100

# The column with the object id, by its name as it is compared: the first of these that the header has.
_ID_COLUMNS = ("id", "objectid", "object id")
_ENABLED_COLUMN = "accountenabled"
_ENABLED = {"true": 0, "false": 1, "": 0}

_MISSING = (
    "The list has no header with the column id (or objectId, or Object Id). The first row must name the columns, such "
    "as id,userPrincipalName,mail,accountEnabled."
)

# Bytes that are read in one step: a millisecond's work.
_STEP_BYTES = 8 * 1024

# Bytes of a column that are kept in memory before they go to a file.
_SPOOLED_BYTES = 64 * 1024

_OBJECT_ID = re.compile(GUID)
_VALUE = np.dtype([("digest", "<u8", (2,)), ("row", "<u4")])


class Part(NamedTuple):
    """A part of the index, as it is stored: of the users if it has no ``name``, else of an attribute.

    Attributes:
        name: the column's name.
        users: the number of users, or of those who have the attribute.
        shared: of how many of them another one has the same value.
        data: the bytes.
    """

    name: str | None
    users: int
    shared: int
    data: bytes


class _Column:
    """The values of a column, so far."""

    def __init__(self, name: str, place: int) -> None:
        self.name = name
        self.place = place
        self.count = 0
        self._values = SpooledTemporaryFile(_SPOOLED_BYTES)  # noqa: SIM115  # closed with the reader

    def add(self, cells: Sequence[str], first_row: int, key: bytes) -> None:
        """Add the cells of consecutive rows."""
        values = [(row, text) for row, text in enumerate(map(comparable, cells), first_row) if text]
        if values:
            packed = np.empty(len(values), _VALUE)
            packed["digest"] = digests((text for _, text in values), key)
            packed["row"] = [row for row, _ in values]
            self._values.write(packed.tobytes())
            self.count += len(values)

    def part(self, user_of_row: Rows) -> Part:
        """The part of the index."""
        self._values.seek(0)
        values = np.frombuffer(self._values.read(), _VALUE)
        attribute = attribute_of(values["digest"], user_of_row[values["row"]])
        return Part(self.name, self.count, attribute.shared(), attribute.to_bytes())

    def close(self) -> None:
        """Remove the file."""
        self._values.close()


class DirectoryReader:
    """Reads one directory. Feed it, then take its parts, then close it."""

    def __init__(self, key: bytes) -> None:
        """Read a directory whose digests have a key of their own."""
        self._key = key
        self._reader = ListReader(lambda cells: _id_column(_names(cells)) is not None, _MISSING)
        self._ids = SpooledTemporaryFile(_SPOOLED_BYTES)  # noqa: SIM115  # closed with the reader
        self._disabled = bytearray()
        self._lines = array("I")
        self._columns: list[_Column] = []
        self._id_column = 0
        self._enabled_column: int | None = None
        self._findings: list[Finding] = []

    @property
    def users(self) -> int:
        """How many users it has so far."""
        return len(self._lines)

    def feeding(self, data: bytes, *, final: bool = False) -> Iterator[None]:
        """Read the next bytes, in steps of a millisecond, so that an event loop can run others in between.

        Raises:
            ListError: the directory is refused.
        """
        for begin in range(0, len(data), _STEP_BYTES) or (0,):
            end = begin + _STEP_BYTES
            self._take(self._reader.read(data[begin:end], final=final and end >= len(data)))
            yield

    def parts(self) -> Generator[Part, None, None]:
        """The parts of the index, after the end of the file: that of the users first. Each takes up to a second.

        Raises:
            ListError: the directory is refused.
        """
        if not self.users:
            message = "The directory has no users. It needs a header row, and a row for each user."
            raise ListError([Finding(Code.EMPTY_FILE, message, self._reader.header_line or 1)])
        self._ids.seek(0)
        users, user_of_row, repeated = users_of(self._ids.read(), bytes(self._disabled))
        if len(repeated):
            raise ListError([self._repeated(row) for row in sorted(repeated.tolist())[:MAX_FINDINGS]])
        yield Part(None, self.users, 0, users.to_bytes())
        for column in self._columns:
            yield column.part(user_of_row)

    def close(self) -> None:
        """Remove the temporary files."""
        self._ids.close()
        for column in self._columns:
            column.close()

    def _take(self, rows: Sequence[ListRow]) -> None:
        if not rows:
            return
        if not self._columns and not self.users:
            self._take_header()
        first_row = self.users
        columns = list(zip(*(row.cells for row in rows), strict=True))
        self._ids.write(b"".join(map(self._object_id, rows)))
        self._disabled += bytes(map(self._is_disabled, rows))
        self._lines.extend(row.line for row in rows)
        if self._findings:
            raise ListError(self._findings)
        for column in self._columns:
            column.add(columns[column.place], first_row, self._key)
        if self.users > MAX_USERS or sum(column.count for column in self._columns) > MAX_VALUES:
            message = (
                f"The directory has more than {MAX_USERS:,} users, or {MAX_VALUES:,} values, which are the limits. "
                "Leave out guests, or columns that no application is matched by."
            )
            raise ListError([Finding(Code.LIST_TOO_LONG, message, rows[0].line)])

    def _take_header(self) -> None:
        names, line = _names(self._reader.columns), self._reader.header_line
        id_column = _id_column(names)
        assert id_column is not None  # noqa: S101  # by which the header was found
        self._id_column = id_column
        self._enabled_column = names.index(_ENABLED_COLUMN) if _ENABLED_COLUMN in names else None
        findings = duplicate_names(names, line)
        for place, name in enumerate(names):
            if name and place not in (self._id_column, self._enabled_column):
                shown_name = stripped(self._reader.columns[place])
                if len(shown_name) > MAX_NAME:
                    message = f"The name of a column has more than {MAX_NAME} characters, which is the limit."
                    findings.append(Finding(Code.LIST_TOO_LONG, message, line, shown(shown_name)))
                self._columns.append(_Column(shown_name, place))
        if len(self._columns) > MAX_ATTRIBUTES:
            message = f"The directory has more than {MAX_ATTRIBUTES} columns, which is the limit. Leave some out."
            findings.append(Finding(Code.LIST_TOO_LONG, message, line))
        if findings:
            raise ListError(findings)

    def _object_id(self, row: ListRow) -> bytes:
        text = stripped(row.cells[self._id_column])
        if _OBJECT_ID.fullmatch(text):
            return bytes.fromhex(text.replace("-", ""))
        message = f"'{shown(text)}' is not an object id (a GUID)."
        code = Code.INVALID_PRINCIPAL_ID
        if not text:
            code, message = Code.MISSING_VALUE, "The user has no object id."
        self._findings.append(Finding(code, message, row.line, self._reader.columns[self._id_column], shown(text)))
        return b""

    def _is_disabled(self, row: ListRow) -> int:
        if self._enabled_column is None:
            return 0
        text = row.cells[self._enabled_column]
        disabled = _ENABLED.get(comparable(text))
        if disabled is None:
            message = f"'{shown(text)}' is neither true nor false, nor empty."
            column = self._reader.columns[self._enabled_column]
            self._findings.append(Finding(Code.INVALID_ACCOUNT_ENABLED, message, row.line, column, shown(text)))
        return disabled or 0

    def _repeated(self, row: int) -> Finding:
        message = "The object id of this user is that of an earlier row. Remove one of them."
        return Finding(Code.DUPLICATE_USER, message, self._lines[row], self._reader.columns[self._id_column])


def _names(cells: Sequence[str]) -> list[str]:
    """The names of columns as they are compared."""
    return list(map(comparable, cells))


def _id_column(names: Sequence[str]) -> int | None:
    return next((names.index(name) for name in _ID_COLUMNS if name in names), None)
