"""Checks a file as the service would, and computes its digest on the way: one pass, in constant memory."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from accup.findings import Finding
from accup.local.files import LocalFile, unreadable

if TYPE_CHECKING:
    from accup.local.validation import Validator
    from shared.access_data.findings import Finding as ValidatorFinding

PRINCIPAL_TYPES = ("EntraIdUser", "user")
"""The values of ``principalType`` that a service accepts unless its settings say otherwise."""

_PIECE_BYTES = 1024 * 1024

# Pieces of an upload, 1 MiB each, that are kept while NumPy is imported. The next one waits until it is.
_PIECES_KEPT = 16


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


class FileCheck:
    """Checks a file whose contents come in pieces.

    NumPy, which is behind the validator, takes 0.1 s to import. It is imported in a thread when the first check begins;
    the first pieces are kept meanwhile, so that a file can be sent while it is checked.
    """

    def __init__(self, file: LocalFile, principal_types: Collection[str] = PRINCIPAL_TYPES) -> None:
        self._file = file
        self._principal_types = principal_types
        self._loading = _loading()
        self._validator: Validator | None = None
        self._kept: list[bytes] = []
        self._digest = hashlib.sha256()
        self._size = 0

    def feed(self, piece: bytes) -> None:
        """Check the next bytes of the file."""
        self._digest.update(piece)
        self._size += len(piece)
        self._kept.append(piece)
        if not self._loading.is_alive() or len(self._kept) == _PIECES_KEPT:
            self._catch_up()

    def finish(self) -> CheckedFile:
        """End the file; gives what was found, with the size of what was checked."""
        report = self._catch_up().finish()
        return CheckedFile(
            file=LocalFile(self._file.path, self._file.name, self._size),
            sha256=self._digest.hexdigest(),
            rows=report.rows,
            layout=report.layout,
            findings=_as_findings(report.findings),
            finding_count=report.finding_count,
            warnings=_as_findings(report.warnings),
            warning_count=report.warning_count,
        )

    def _catch_up(self) -> "Validator":
        if self._validator is None:
            from accup.local.validation import Validator  # noqa: PLC0415  # waits for the thread that imports it

            self._validator = Validator(principal_types=self._principal_types)
        for piece in self._kept:
            self._validator.feed(piece)
        self._kept.clear()
        return self._validator


def check(
    file: LocalFile,
    principal_types: Collection[str] = PRINCIPAL_TYPES,
    progress: Callable[[int], None] | None = None,
) -> CheckedFile:
    """Check one file; ``progress`` is called with the number of bytes checked so far.

    Raises:
        UsageError: the file cannot be read.
    """
    checked = FileCheck(file, principal_types)
    size = 0
    try:
        with file.path.open("rb") as opened:
            while piece := opened.read(_PIECE_BYTES):
                checked.feed(piece)
                size += len(piece)
                if progress is not None:
                    progress(size)
    except OSError as error:
        raise unreadable(file.path, error) from None
    return checked.finish()


@cache
def _loading() -> Thread:
    """The thread that imports the validator."""
    thread = Thread(target=import_module, args=("accup.local.validation",), daemon=True)
    thread.start()
    return thread


def _as_findings(found: "Sequence[ValidatorFinding]") -> tuple[Finding, ...]:
    return tuple(Finding(str(each.code), each.message, each.line, each.column) for each in found)
