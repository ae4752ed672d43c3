"""Finds the files that a command line names."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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
