"""What became of a send: the receipt for people, and the object for programs."""

from dataclasses import dataclass, field
from typing import Any

from accup.api.models import Session, StoredFile
from accup.errors import AccupError
from accup.exit_codes import ExitCode
from accup.findings import Finding
from accup.local.checking import CheckedFile
from accup.local.files import LocalFile


@dataclass(slots=True)
class FileOutcome:
    """One file: whether the session has it, and if not, why.

    ``rows`` and ``sha256`` are ``None`` if an error came before they were known. ``verified`` says which of the
    service's facts were compared with the local file: ``sha256``, or only ``size`` where the service does not tell
    more; ``None`` if the session does not have the file.
    """

    file: LocalFile
    rows: int | None = None
    sha256: str | None = None
    accepted: bool = False
    findings: tuple[Finding, ...] = ()
    finding_count: int = 0
    verified: str | None = None
    stored: StoredFile | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    def take(self, checked: CheckedFile) -> None:
        """Take over what the check of the file has found, until the service says more."""
        self.file, self.rows, self.sha256 = checked.file, checked.rows, checked.sha256
        self.findings, self.finding_count = checked.findings, checked.finding_count

    @property
    def refused(self) -> bool:
        """Whether the file is at fault."""
        return not self.accepted and self.finding_count > 0

    def as_json(self) -> dict[str, Any]:
        """The file as ``--json`` prints it. The first five names are fixed."""
        return {
            "name": self.name,
            "accepted": self.accepted,
            "rows": self.rows,
            "sha256": self.sha256,
            "findings": [finding.as_json() for finding in self.findings],
            "findingCount": self.finding_count,
            "size": self.file.size,
            "verified": self.verified,
        }


@dataclass(slots=True)
class SendOutcome:
    """A send as far as it came; ``error`` is what stopped it, if anything did."""

    session: Session | None = None
    files: list[FileOutcome] = field(default_factory=list)
    others: tuple[StoredFile, ...] = ()
    error: AccupError | None = None

    @property
    def refused(self) -> list[FileOutcome]:
        """The files that were refused."""
        return [file for file in self.files if file.refused]

    @property
    def complete(self) -> bool:
        """Whether the session is complete."""
        return self.session is not None and self.session.status == "complete"

    @property
    def exit_code(self) -> ExitCode:
        """The command's exit code."""
        if self.error is not None:
            return self.error.exit_code
        return ExitCode.REFUSED if self.refused else ExitCode.DONE

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints. ``session``, ``status`` and ``files`` are fixed names."""
        return {
            "session": self.session.id if self.session else None,
            "status": self.session.status if self.session else None,
            "files": [file.as_json() for file in self.files],
            "otherFiles": [file.name for file in self.others],
            "error": None if self.error is None else str(self.error),
        }
