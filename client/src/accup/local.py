"""A file on this machine: whether it is still as it was read, and what the validator says about it."""

import hashlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from accup.declared import Declared, access_data
from accup.errors import ConflictError, UsageError
from accup.findings import Finding

PRINCIPAL_TYPES = ("EntraIdUser", "user")
"""The values of ``principalType`` that a service accepts unless its settings say otherwise."""

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send: its path, its name in the session, its size in bytes.

    ``modified`` is when it was last written, in nanoseconds, as its system told together with the size; ``None`` if
    that is not known.
    """

    path: Path
    name: str
    size: int
    modified: int | None = None

    @classmethod
    def of(cls, path: Path, name: str | None = None) -> "LocalFile":
        """The file at a path, with the path's name if no other is given.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            # Opened, so that a file without permission or locked by another program is known before anything is sent.
            with path.open("rb") as opened:
                return cls.opened(path, name or path.name, opened)
        except OSError as error:
            raise unreadable(path, error) from None

    @classmethod
    def opened(cls, path: Path, name: str, opened: BinaryIO) -> "LocalFile":
        """The file that is open."""
        about = os.fstat(opened.fileno())
        return cls(path, name, about.st_size, about.st_mtime_ns)

    def check_unchanged(self, sha256: str) -> None:
        """See that the file still has the contents that were read; it is read again only if it was written since.

        Raises:
            ConflictError: it has others, or it cannot be read any more.
        """
        try:
            with self.path.open("rb") as opened:
                if LocalFile.opened(self.path, self.name, opened) == self:
                    return
                same = hashlib.file_digest(opened, "sha256").hexdigest() == sha256
        except OSError as error:
            raise vanished(self.path, error) from None
        if not same:
            raise ConflictError(
                f"{self.path} changed after it was read, so that the session does not have what it is now. "
                "Run the same command again."
            )


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file and what the validator found; ``sha256`` in hex, ``rows`` without the header.

    Findings refuse a file, warnings do not. The counts are of all, the tuples hold the first of them.
    """

    file: LocalFile
    sha256: str
    rows: int
    layout: str | None
    findings: tuple[Finding, ...]
    finding_count: int
    warnings: tuple[Finding, ...]
    warning_count: int

    @property
    def accepted(self) -> bool:
        """Whether the file has no findings."""
        return self.finding_count == 0


def unreadable(path: Path, error: OSError) -> UsageError:
    """The error for a file that cannot be read."""
    return UsageError(f"{path} cannot be read: {error.strerror}.")


def vanished(path: Path, error: OSError) -> ConflictError:
    """The error for a file that could be read before, and no longer can."""
    return ConflictError(f"{path} can no longer be read: {error.strerror}. Put it back and run the same command again.")


def check(
    file: LocalFile,
    principal_types: Collection[str] = PRINCIPAL_TYPES,
    progress: Callable[[int], None] | None = None,
    *,
    declared: Declared | None = None,
) -> CheckedFile:
    """Check one file.

    Args:
        file: the file.
        principal_types: the allowed values of ``principalType``.
        progress: called with the number of bytes checked so far.
        declared: what holds for the files of its application; nothing by default.

    Raises:
        UsageError: the file cannot be read.
    """
    validator = _validator(principal_types, declared)
    digest = hashlib.sha256()
    size = 0
    try:
        with file.path.open("rb") as opened:
            file = LocalFile.opened(file.path, file.name, opened)
            while piece := opened.read(_PIECE_BYTES):
                digest.update(piece)
                validator.feed(piece)
                size += len(piece)
                if progress is not None:
                    progress(size)
    except OSError as error:
        raise unreadable(file.path, error) from None
    report = validator.finish()
    return CheckedFile(
        file=replace(file, size=size),
        sha256=digest.hexdigest(),
        rows=report.rows,
        layout=report.layout,
        findings=_as_findings(report.findings),
        finding_count=report.finding_count,
        warnings=_as_findings(report.warnings),
        warning_count=report.warning_count,
    )


def _validator(principal_types: Collection[str], declared: Declared | None) -> Any:
    """The service's own validator."""
    # glibc returns free memory at the end of the heap to the system if it is 128 KiB or more, and the validator needs
    # it again a moment later: 90,000 page faults for 59 MB, a third of the time. Freeing one large block raises that
    # limit to twice the block's size (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD).
    bytearray(8 * 1024 * 1024)
    steps = (declared or Declared(principal_types)).steps()
    return access_data("validator").Validator(principal_types=principal_types, steps=steps)


def _as_findings(found: Sequence[Any]) -> tuple[Finding, ...]:
    return tuple(Finding(str(each.code), each.message, each.line, each.column) for each in found)
