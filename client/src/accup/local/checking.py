"""Checks a file as the service would, and computes its digest on the way: one pass, in constant memory."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from accup.errors import UsageError
from accup.findings import Finding
from accup.local.files import LocalFile

PRINCIPAL_TYPES = ("EntraIdUser", "user")
"""The values of ``principalType`` that a service accepts unless its settings say otherwise."""

_PIECE_BYTES = 1024 * 1024


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


def check(
    file: LocalFile,
    principal_types: Collection[str] = PRINCIPAL_TYPES,
    progress: Callable[[int], None] | None = None,
) -> CheckedFile:
    """Check one file; ``progress`` is called with the number of bytes checked so far.

    Raises:
        UsageError: the file cannot be read.
    """
    # Imported here, since NumPy, which is behind it, takes 0.1 s, and most commands check nothing.
    from accup.local.validation import Validator  # noqa: PLC0415

    validator = Validator(principal_types=principal_types)
    digest = hashlib.sha256()
    size = 0
    try:
        with file.path.open("rb") as opened:
            while piece := opened.read(_PIECE_BYTES):
                digest.update(piece)
                validator.feed(piece)
                size += len(piece)
                if progress is not None:
                    progress(size)
    except OSError as error:
        raise UsageError(f"{file.path} cannot be read: {error.strerror}.") from None
    report = validator.finish()
    return CheckedFile(
        file=LocalFile(file.path, file.name, size),
        sha256=digest.hexdigest(),
        rows=report.rows,
        layout=report.layout,
        findings=tuple(Finding(str(found.code), found.message, found.line, found.column) for found in report.findings),
        finding_count=report.finding_count,
        warnings=tuple(Finding(str(found.code), found.message, found.line, found.column) for found in report.warnings),
        warning_count=report.warning_count,
    )
