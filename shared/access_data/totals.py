"""What only all rows of a file together tell: their number, what is repeated, and whom they name."""

from collections.abc import Iterator

from .careful.cells import is_object_id
from .codes import Code
from .fast.clean_rows import CleanRun
from .fast.duplicates import DuplicateRows
from .findings import Collected, Finding


class Totals:
    """The rows of one file, counted as they are read. ``rows`` has those with findings, too."""

    def __init__(self) -> None:
        self.rows = 0
        self._duplicates = DuplicateRows()
        self._names = 0  # rows with a user principal name
        self._first_name = 0  # the line of the first of them
        self._owned = False  # whether a row names owners by object ids

    @property
    def duplicates_checked(self) -> bool:
        """Whether all rows are compared."""
        return self._duplicates.complete

    def add_clean(self, run: CleanRun, line: int) -> None:
        """Add consecutive rows, of which the first is on this physical line."""
        self.rows += len(run.hashes)
        self._duplicates.add(run.hashes, line)
        if run.named is not None and run.named.any():
            self._first_name = self._first_name or line + int(run.named.argmax())
            self._names += int(run.named.sum())
        self._owned = self._owned or (run.owned is not None and bool(run.owned.any()))

    def add_row(self, key: tuple[bytes, ...], line: int, *, owned: bool) -> None:
        """Add a row that is in ``rows`` already: what identifies it, its line, and whether it names owners."""
        self._duplicates.add_row(key, line)
        if not is_object_id(key[0].decode()):
            self._first_name = self._first_name or line
            self._names += 1
        self._owned = self._owned or owned

    def without_owners(self, line: int) -> Finding | None:
        """The warning if no row names owners, for a layout that has columns for them; ``line`` is the header's."""
        if self._owned:
            return None
        message = "No row names owners, so that a review by the owners of permissions has no reviewers."
        return Finding(Code.NO_OWNERS, message, line)

    def with_names(self, column: str) -> Finding | None:
        """The finding or warning if there are user principal names, which are in this column."""
        if not self._names:
            return None
        message = (
            "This is a user principal name, and not an object id: Microsoft Graph may refuse the file, or not find "
            "the user. Use the object id from Microsoft Entra if the file is forwarded. Rows with a name: "
            f"{self._names:,}."
        )
        return Finding(Code.PRINCIPAL_IS_NOT_AN_OBJECT_ID, message, self._first_name, column)

    def add_repeated_rows(self, warnings: Collected) -> Iterator[None]:
        """Add a warning for each row that repeats an earlier one, in steps of a few milliseconds."""
        yield from self._duplicates.search(warnings.room)
        for line, first in self._duplicates.first:
            message = f"The row has the same principal and permission as line {first}. One of them is enough."
            warnings.add(Finding(Code.DUPLICATE_PERMISSION, message, line))
        warnings.count += self._duplicates.count - len(self._duplicates.first)
