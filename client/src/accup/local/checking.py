"""Checks a file as the service would, and computes its digest on the way: one pass, in constant memory."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accup.findings import Finding
from accup.local.files import LocalFile, unreadable

if TYPE_CHECKING:
    from shared.access_data.findings import Finding as ValidatorFinding

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
    from accup.local.validation import Validator  # noqa: PLC0415  # NumPy, behind it, takes 0.1 s to import

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
        raise unreadable(file.path, error) from None
    report = validator.finish()
    return CheckedFile(
        file=LocalFile(file.path, file.name, size),
        sha256=digest.hexdigest(),
        rows=report.rows,
        layout=report.layout,
        findings=_as_findings(report.findings),
        finding_count=report.finding_count,
        warnings=_as_findings(report.warnings),
        warning_count=report.warning_count,
    )


def _as_findings(found: "Sequence[ValidatorFinding]") -> tuple[Finding, ...]:
    return tuple(Finding(str(each.code), each.message, each.line, each.column) for each in found)
