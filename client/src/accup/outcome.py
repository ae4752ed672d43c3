"""What became of a send, for the receipt and for programs."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from accup.api.models import Checked, Session, StoredFile
from accup.errors import AccupError, ExitCode
from accup.evidence import Expected, Proof, others
from accup.findings import Finding
from accup.folders import Skipped
from accup.local import CheckedFile, LocalFile


class Action(Enum):
    """What is to be done with a file; the value is its name in JSON."""

    NOTHING = "nothing"
    """The session has it already."""
    UPLOAD = "upload"
    REPLACE = "replace"
    """Remove the session's file of this name, and upload this one."""
    KEEP_BACK = "keepBack"
    """Do not send it, since it has findings."""


@dataclass(slots=True)
class FileOutcome:
    """One file: whether the session has it, and if not, why.

    ``rows`` and ``sha256`` are ``None`` if an error came before they were known. ``accepted``: the session was seen to
    have it. ``verified`` says what was compared with the local file: ``sha256`` as the service tells it; ``contents``,
    which were read back; or ``size``, of a file that this command has sent itself to a service that tells no more.
    ``doubt`` says why a file that the session has could not be compared.
    """

    file: LocalFile
    rows: int | None = None
    sha256: str | None = None
    action: Action | None = None
    accepted: bool = False
    findings: tuple[Finding, ...] = ()
    finding_count: int = 0
    warnings: tuple[Finding, ...] = ()
    warning_count: int = 0
    verified: str | None = None
    proof: Proof | None = None
    stored_id: str | None = None
    doubt: str | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    @property
    def expected(self) -> Expected:
        """What the session must have."""
        return Expected(self.name, self.file.size, self.sha256, self.proof, self.stored_id)

    def take(self, checked: CheckedFile) -> None:
        """Take over what the check of the file has found here, until the service says more."""
        self.file, self.rows, self.sha256 = checked.file, checked.rows, checked.sha256
        self.findings, self.finding_count = checked.findings, checked.finding_count
        self.warnings, self.warning_count = checked.warnings, checked.warning_count

    def remarked(self, by_service: Checked) -> None:
        """Take over the remarks of the service that accepts the file; Graph makes none, and then ours stay."""
        self.findings, self.finding_count = (), 0
        if by_service.warning_count:
            self.warnings, self.warning_count = by_service.warnings, by_service.warning_count

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
            "warnings": [warning.as_json() for warning in self.warnings],
            "warningCount": self.warning_count,
            "size": self.file.size,
            "verified": self.verified,
        }


@dataclass(slots=True)
class SendOutcome:
    """A send as far as it came; ``error`` is what stopped it, if anything did.

    ``session`` is as it was read last. ``status`` is the session's, ``deleted`` if it no longer exists, and ``None`` if
    it could not be read after an error: then it is not known. ``others`` are files of the session that were not sent.
    ``refusals`` are names of files that were refused earlier, and prevent the completion. ``skipped`` is what was left
    out of folders. ``completing``: a request to complete the session was sent.
    """

    session: Session | None = None
    status: str | None = None
    files: list[FileOutcome] = field(default_factory=list)
    others: tuple[StoredFile, ...] = ()
    refusals: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    error: AccupError | None = None
    completing: bool = False
    dry_run: bool = False

    def read(self, session: Session) -> None:
        """Take over the session as it was just read."""
        self.session, self.status = session, session.status
        self.others = others(session, {file.name for file in self.files})

    @property
    def refused(self) -> list[FileOutcome]:
        """The files that were refused."""
        return [file for file in self.files if file.refused]

    @property
    def warning_count(self) -> int:
        """The number of remarks on files that were not refused."""
        return sum(file.warning_count for file in self.files if not file.refused)

    @property
    def complete(self) -> bool:
        """Whether the session is complete, as it was read last."""
        return self.status == "complete"

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
            "status": self.status,
            "files": [self._file_json(file) for file in self.files],
            "otherFiles": [file.name for file in self.others],
            "openRefusals": list(self.refusals),
            "skipped": [each.as_json() for each in self.skipped],
            "dryRun": self.dry_run,
            "error": None if self.error is None else self.error.as_json(),
        }

    def _file_json(self, file: FileOutcome) -> dict[str, Any]:
        """A file; in a dry run with what would be done."""
        if not self.dry_run:
            return file.as_json()
        return file.as_json() | {"action": None if file.action is None else file.action.value}
