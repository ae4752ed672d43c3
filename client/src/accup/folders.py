"""Which files are meant by the paths of a command line, and what of the folders among them is left out, and why."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from accup.api.multipart import check_name, normalized
from accup.errors import UsageError
from accup.local import LocalFile, unreadable

CSV_FILES = ("*.csv",)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in a folder that is left out; ``why`` completes the sentence "it is left out, since ..."."""

    path: Path
    why: str

    def as_json(self) -> dict[str, Any]:
        """The entry as commands print it with ``--json``."""
        return {"path": str(self.path), "reason": self.why}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files that are meant, sorted by name, and what was left out."""

    files: list[LocalFile] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Choice:
    """What to take of a folder. A file that is named itself is always taken.

    Args:
        recursive: also what is in its folders.
        include: patterns of shells, of which a name must match one. Case does not matter.
        exclude: patterns of which it may match none. A pattern with a slash is compared with the path in the folder.
    """

    recursive: bool = False
    include: Sequence[str] = CSV_FILES
    exclude: Sequence[str] = ()

    def of(self, paths: Sequence[Path]) -> Chosen:
        """The files among the paths, and those of the folders among them.

        Raises:
            UsageError: a path does not exist or cannot be read, a folder has nothing to take, two files have the same
                name, or a name cannot be used.
        """
        found: dict[str, LocalFile] = {}
        skipped: list[Skipped] = []
        for given in paths:
            for path in self._expanded(given, skipped):
                check_name(path.name)
                name = normalized(path.name)
                same = found.get(name)
                if same is not None and same.path.resolve() != path.resolve():
                    raise UsageError(f"Two files are named '{name}': {same.path} and {path}. Rename one of them.")
                found[name] = LocalFile.of(path, name)
        return Chosen([found[name] for name in sorted(found)], skipped)

    def _expanded(self, path: Path, skipped: list[Skipped]) -> Iterator[Path]:
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise UsageError(f"There is no file or folder {path}.") from None
        except OSError as error:
            raise unreadable(path, error) from None
        if stat.S_ISREG(mode):
            yield path
        elif stat.S_ISDIR(mode):
            left_out: list[Skipped] = []
            files = list(self._inside(path, path, left_out))
            if not files:
                raise UsageError(f"The folder {path} has no file to take: {_why_nothing(left_out)}")
            skipped += left_out
            yield from files
        else:
            raise UsageError(f"{path} is neither a file nor a folder. What a pipe has is read with '-': ... | accup -.")

    def _inside(self, folder: Path, path: Path, skipped: list[Skipped]) -> Iterator[Path]:
        """The files in a folder that are taken; ``path`` is the folder itself, or one in it."""
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            raise unreadable(path, error) from None
        for entry in entries:
            inside = path / entry.name
            if entry.is_dir(follow_symlinks=False) and self.recursive and not entry.name.startswith("."):
                yield from self._inside(folder, inside, skipped)
            elif why := self._why_not(entry, inside.relative_to(folder).as_posix()):
                skipped.append(Skipped(inside, why))
            else:
                yield inside

    def _why_not(self, entry: "os.DirEntry[str]", inside: str) -> str:
        """Why an entry of a folder is left out; empty if it is taken."""
        if entry.name.startswith("."):
            return "it is hidden"
        if entry.is_dir():
            return "it is a link to a folder" if entry.is_symlink() else "it is a folder (--recursive goes into it)"
        excluded = next((pattern for pattern in self.exclude if _matches(inside, pattern)), None)
        if excluded is not None:
            return f"its name matches --exclude {excluded}"
        if not any(_matches(inside, pattern) for pattern in self.include):
            return f"its name does not match {' or '.join(self.include)}"
        if not entry.is_file():
            return "it is a link that leads nowhere" if entry.is_symlink() else "it is not a file"
        return ""


def _matches(inside: str, pattern: str) -> bool:
    compared = inside if "/" in pattern else inside.rpartition("/")[2]
    return fnmatchcase(compared.lower(), pattern.lower())


def _why_nothing(skipped: Sequence[Skipped]) -> str:
    if not skipped:
        return "it is empty."
    first = skipped[0]
    more = f", and {len(skipped) - 1} more" if len(skipped) > 1 else ""
    return f"{first.path.name} is left out, since {first.why}{more}."
