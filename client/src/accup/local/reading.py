"""Reads a file for its upload, and checks it on the way."""

import io
from collections.abc import Callable, Collection
from typing import BinaryIO

from accup.local.checking import CheckedFile, FileCheck, check
from accup.local.files import LocalFile


class CheckedWhileRead:
    """A file that is checked the first time it is read to its end, unless it was checked before."""

    def __init__(self, file: LocalFile, principal_types: Collection[str], checked: CheckedFile | None) -> None:
        self._file = file
        self._principal_types = principal_types
        self._checked = checked

    def open(self) -> BinaryIO:
        """The file, opened for reading."""
        if self._checked is not None:
            return self._file.path.open("rb")
        return _CheckingReader(self._file, self._principal_types, self._take)

    def sha256(self) -> str | None:
        """The digest (hex), once the file was read to its end."""
        return None if self._checked is None else self._checked.sha256

    def result(self) -> CheckedFile:
        """The result of the check. The file is read for it if nothing else has done so.

        Raises:
            UsageError: the file cannot be read.
        """
        self._checked = self._checked or check(self._file, self._principal_types)
        return self._checked

    def _take(self, checked: CheckedFile) -> None:
        self._checked = checked


class _CheckingReader(io.FileIO):
    def __init__(self, file: LocalFile, principal_types: Collection[str], ended: Callable[[CheckedFile], None]) -> None:
        super().__init__(file.path)
        self._check = FileCheck(file, principal_types)
        self._ended = ended

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        if piece:
            self._check.feed(piece)
        else:
            self._ended(self._check.finish())
        return piece
