"""Reads a file for its upload, and takes its digest on the way."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from accup.local.files import LocalFile


class DigestedWhileRead:
    """A file whose digest is taken the first time it is read to its end, unless it is known."""

    def __init__(self, file: LocalFile, sha256: str | None) -> None:
        self._file = file
        self._sha256 = sha256

    def open(self) -> BinaryIO:
        """The file, opened for reading."""
        return _DigestingReader(self._file.path, self._take) if self._sha256 is None else self._file.path.open("rb")

    def sha256(self) -> str | None:
        """The digest (hex), once the file was read to its end."""
        return self._sha256

    def _take(self, sha256: str) -> None:
        self._sha256 = sha256


class _DigestingReader(io.FileIO):
    def __init__(self, path: Path, ended: Callable[[str], None]) -> None:
        super().__init__(path)
        self._digest = hashlib.sha256()
        self._ended = ended

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        if piece:
            self._digest.update(piece)
        else:
            self._ended(self._digest.hexdigest())
        return piece
