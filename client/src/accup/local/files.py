"""Finds the files that a command line names, and reads them for their upload."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from accup.api.multipart import check_name
from accup.errors import UsageError


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send: its path, its name in the session, its size in bytes."""

    path: Path
    name: str
    size: int


def find_files(paths: Sequence[Path]) -> list[LocalFile]:
    """The files among the paths, and the CSV files of the folders among them, sorted by name.

    Raises:
        UsageError: a path does not exist or cannot be read, a folder has no CSV file, two files have the same name, or
            a name cannot be used.
    """
    found: dict[str, LocalFile] = {}
    for path in (file for given in paths for file in _expanded(given)):
        name = path.name
        check_name(name)
        same = found.get(name)
        if same is not None and same.path.resolve() != path.resolve():
            raise UsageError(f"Two files are named '{name}': {same.path} and {path}. Rename one of them.")
        found[name] = LocalFile(path, name, _size(path))
    return [found[name] for name in sorted(found)]


def unreadable(path: Path, error: OSError) -> UsageError:
    """The error for a file that cannot be read."""
    return UsageError(f"{path} cannot be read: {error.strerror}.")


def _size(path: Path) -> int:
    try:
        # Opened, so that a file without permission or locked by another program is known before anything is sent.
        with path.open("rb") as opened:
            return os.fstat(opened.fileno()).st_size
    except OSError as error:
        raise unreadable(path, error) from None


def _expanded(path: Path) -> Iterator[Path]:
    if path.is_dir():
        inside = [file for file in path.iterdir() if file.suffix.lower() == ".csv" and not file.name.startswith(".")]
        files = [file for file in inside if file.is_file()]
        if not files:
            raise UsageError(f"The folder {path} has no .csv file.")
        yield from files
    elif path.is_file():
        yield path
    else:
        raise UsageError(f"There is no file or folder {path}.")


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
