"""Decides what to do with each file, by what the session has."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accup.api.models import Session, StoredFile
from accup.errors import ApiError, ConflictError
from accup.evidence import Proof
from accup.outcome import Action, FileOutcome
from accup.progress import Reporter

if TYPE_CHECKING:
    from accup.api.resource import Resource


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for a session as it was read. ``replace``: whether files with other contents are to be replaced."""

    resource: "Resource"
    session: Session
    replace: bool
    reporter: Reporter

    def decide(self, file: FileOutcome) -> None:
        """What to do with a file.

        A file with findings is sent to a service that explains its refusals: that service's rules count, which may be
        wider than ours, and it remembers the refusal, so that nothing completes the session by mistake. Graph gets only
        files without findings.

        Raises:
            ConflictError: the session has other contents, and they are not to be replaced, or cannot be.
        """
        session = self.session
        stored = session.file(file.name)
        if stored is not None and self.compare(file, stored):
            file.action = Action.NOTHING
        # A stored file is never given up for one with findings.
        elif file.finding_count and (stored is not None or not session.explains_refusals):
            file.action = Action.KEEP_BACK
        elif stored is None:
            file.action = Action.UPLOAD
        elif session.status != "active":
            file.action = Action.REPLACE
        elif not session.explains_refusals:
            raise ConflictError(
                f"The upload session {session.id} has a file named '{file.name}' with other contents, and Graph cannot "
                "replace or remove a file. Rename the file here; or delete the session with 'accup delete', and run "
                "the same command again."
            )
        elif not self.replace:
            raise ConflictError(
                f"The upload session {session.id} has a file named '{file.name}' with other contents. "
                "To replace it, run the same command with --replace; or rename the file."
            )
        else:
            file.action = Action.REPLACE

    def compare(self, file: FileOutcome, stored: StoredFile) -> bool:
        """Whether the session's file is not known to have other contents; notes how that is known, or the doubt.

        Where the service tells no digest, the file is read back.
        """
        if file.expected.differs_from(stored):
            return False
        if stored.sha256 is not None:
            return True
        try:
            found = self.resource.download(self.session.id, stored, None, self.reporter.begins(file.file, "comparing"))
        except ApiError as error:
            if error.status == 401:
                raise
            file.doubt = f"this service tells no digest, and does not give the file back ({error.status}: {error})"
            return True
        if found != file.sha256:
            return False
        file.proof, file.stored_id = Proof.READ_BACK, stored.id
        return True
