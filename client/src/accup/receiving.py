"""Takes files of a session to this machine: whole or not at all, and on from where an earlier run stopped."""

import errno
import hashlib
import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accup.api.models import Session, StoredFile
from accup.errors import ConflictError, OutputError, UsageError
from accup.local import LocalFile
from accup.progress import Reporter

if TYPE_CHECKING:
    from accup.api.resource import Resource

_PIECE_BYTES = 1024 * 1024
_LONGEST_NAME_BYTES = 255
# Windows and macOS take two spellings of a name for the same file.
_FOLDS_NAMES = sys.platform in ("win32", "darwin")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
# "Naming Files, Paths, and Namespaces" (Windows).
_FORBIDDEN_ON_WINDOWS = frozenset('<>:"|?*')
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


@dataclass(frozen=True, slots=True)
class Received:
    """A file of the session and its copy; ``was_there``: an earlier run, or someone else, had put it there."""

    file: StoredFile
    path: Path
    sha256: str
    was_there: bool

    def as_json(self) -> dict[str, Any]:
        """The file as ``--json`` prints it."""
        return {
            "name": self.file.name,
            "path": str(self.path),
            "size": self.file.size,
            "sha256": self.sha256,
            "verified": "size" if self.file.sha256 is None else "sha256",
            "downloaded": not self.was_there,
        }


def receive(
    resource: "Resource",
    session: Session,
    files: Sequence[StoredFile],
    folder: Path,
    reporter: Reporter,
    *,
    overwrite: bool = False,
) -> list[Received]:
    """Download files into a folder. What is there with the same digest is left as it is.

    Raises:
        UsageError: a path cannot be used, or has other contents and ``overwrite`` was not said; nothing was downloaded.
        OutputError: the disk is full.
        ConflictError: a file is not what the session says about it.
        AccupError: the service or the network failed.
    """
    with _words_for_the_system(folder):
        folder.mkdir(parents=True, exist_ok=True)
    places = _places(files, folder)
    there: dict[Path, str] = {}
    for path, file in places.items():
        if not path.exists():
            continue
        with _words_for_the_system(path):
            digest = _digest_of(path)
        if file.sha256 is not None and digest == file.sha256.lower():
            there[path] = digest
        elif not overwrite:
            raise UsageError(f"{path} exists, with other contents. Say --overwrite to replace it.")
    received = []
    for path, file in places.items():
        progress = reporter.begins(LocalFile(path, file.name, file.size), "downloading")
        with _words_for_the_system(path):
            digest = there.get(path) or _downloaded(resource, session, file, path, progress)
        reporter.ended(LocalFile(path, file.name, file.size), accepted=True)
        received.append(Received(file, path, digest, path in there))
    return received


def local_name(name: str) -> str:
    """A file's name that this machine takes and that stays in its folder, whatever the service says."""
    forbidden = _FORBIDDEN_ON_WINDOWS if sys.platform == "win32" else frozenset()
    safe = "".join("_" if _is_control(each) or each in "/\\" or each in forbidden else each for each in name)
    if sys.platform == "win32":
        safe = safe.rstrip(" .")
        if safe.partition(".")[0].lower() in _DEVICES:
            safe = f"_{safe}"
    if safe in ("", ".", ".."):
        safe = "_"
    stem, suffix = os.path.splitext(safe)
    room = _LONGEST_NAME_BYTES - len(suffix.encode())
    return stem.encode()[: max(1, room)].decode(errors="ignore") + suffix


def _is_control(letter: str) -> bool:
    """Whether a character controls something, or is half of one."""
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def _places(files: Sequence[StoredFile], folder: Path) -> dict[Path, StoredFile]:
    """Where each file goes.

    Raises:
        UsageError: two would be the same file.
    """
    names = [local_name(file.name) for file in files]

    alike = [unicodedata.normalize("NFC", name).casefold() for name in names] if _FOLDS_NAMES else names
    same, count = next(iter(Counter(alike).most_common(1)), ("", 0))
    if count > 1:
        raise UsageError(
            f"{count} files of the session would be '{names[alike.index(same)]}' in {folder}. Download each by its id "
            "into a folder of its own: accup get ID --output FOLDER. 'accup files' shows the ids."
        )
    return {folder / name: file for name, file in zip(names, files, strict=True)}


def _downloaded(resource: "Resource", session: Session, file: StoredFile, path: Path, progress: Any) -> str:
    """Download beside the destination, so that a file with its name is always whole; gives the digest.

    What an earlier run left is continued where a digest proves in the end that the parts belong together.
    """
    key = hashlib.sha256(f"{session.id}/{file.id}".encode(errors="replace")).hexdigest()[:16]
    partial = path.with_name(f".accup-{key}.part")
    begun = partial.stat().st_size if file.sha256 is not None and partial.exists() else 0
    resume = 0 < begun < file.size
    try:
        with partial.open("rb+" if resume else "wb+") as to:
            try:
                digest = resource.download(session.id, file, to, progress, resume=resume)
            except ConflictError:
                if not resume:
                    raise
                digest = resource.download(session.id, file, to, progress)
    except BaseException as error:
        # Without a digest, nothing would prove that a later run continues the same file.
        if file.sha256 is None or isinstance(error, ConflictError):
            partial.unlink(missing_ok=True)
        raise
    partial.replace(path)
    return digest


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def _words_for_the_system(path: Path) -> Iterator[None]:
    """Say which path the system does not take, and why.

    Raises:
        OutputError: the disk is full, or broken.
        UsageError: another error of the system.
    """
    try:
        yield
    except OSError as error:
        kind = OutputError if error.errno in _FULL else UsageError
        raise kind(f"{path} cannot be written: {error.strerror}.") from None
