"""Takes files through a whole session: check, open, upload, verify, complete."""

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from accup.api.models import Review, Session, StoredFile
from accup.errors import AccupError, ApiError, ConflictError
from accup.findings import Finding
from accup.local.checking import PRINCIPAL_TYPES, CheckedFile, check
from accup.local.files import DigestedWhileRead, LocalFile, unreadable
from accup.sending.outcome import FileOutcome, SendOutcome
from accup.sending.parallel import run_all
from accup.sending.plan import Action, Step, plan

if TYPE_CHECKING:
    from accup.api.resource import Resource

UPLOADS_AT_ONCE = 4


class Reporter(Protocol):
    """Shows how far a send is. Uploads report from several threads."""

    def checking(self, file: LocalFile) -> Callable[[int], None]:
        """The check of a file begins; gives what takes the number of bytes checked."""

    def uploading(self, file: LocalFile) -> Callable[[int], None]:
        """The upload of a file begins; gives what takes the number of bytes sent."""

    def ended(self, file: LocalFile, *, accepted: bool) -> None:
        """A file was accepted or refused."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How to send: whether to replace files of the session, to compress, how many uploads at a time, and the rules.

    ``allow_change``: complete although the number of rows differs from the last time by more than the service allows.
    """

    replace: bool = False
    allow_change: bool = False
    compress: bool | None = None
    at_once: int = UPLOADS_AT_ONCE
    principal_types: Collection[str] = PRINCIPAL_TYPES


@dataclass(slots=True)
class Sender:
    """One send: ``send``, and ``complete`` if that is wanted.

    ``outcome`` is up to date at any time. An error goes into it, and the step after it does nothing.
    """

    options: SendOptions = field(default_factory=SendOptions)
    outcome: SendOutcome = field(default_factory=SendOutcome)

    def send(self, files: Sequence[LocalFile], resource: "Resource", review: Review, reporter: Reporter) -> SendOutcome:
        """Check files, and send them into the review instance's session, as far as it does not have them."""
        self.outcome.files = [FileOutcome(file) for file in files]
        return self._step(partial(self._send, resource, review, reporter))

    def complete(self, resource: "Resource") -> SendOutcome:
        """Complete the session, unless a file was refused."""
        return self._step(partial(self._complete, resource))

    def _step(self, step: Callable[[], None]) -> SendOutcome:
        if self.outcome.error is None:
            try:
                step()
            except AccupError as error:
                self.outcome.error = error
        return self.outcome

    def _send(self, resource: "Resource", review: Review, reporter: Reporter) -> None:
        self.outcome.session = session = resource.open(review)
        if _checks_files_itself(session) and not session.files:
            steps = [Step(outcome.file, Action.UPLOAD) for outcome in self.outcome.files]
        else:
            steps = plan(
                self._check(reporter), session, replace=self.options.replace, same=partial(_same, resource, session)
            )
        # The largest first, so that no long one is left for the end.
        steps.sort(key=lambda step: step.file.size, reverse=True)
        run_all([partial(self._take, resource, session, step, reporter) for step in steps], self.options.at_once)
        self.outcome.session = session = resource.get(session.id)
        self._verify(session)

    def _check(self, reporter: Reporter) -> list[CheckedFile]:
        found = []
        for outcome in self.outcome.files:
            found.append(check(outcome.file, self.options.principal_types, reporter.checking(outcome.file)))
            outcome.take(found[-1])
        return found

    def _take(self, resource: "Resource", session: Session, step: Step, reporter: Reporter) -> None:
        """Do one step; a refusal is part of the outcome and no error."""
        outcome = next(each for each in self.outcome.files if each.name == step.file.name)
        if step.action is Action.REPLACE and step.stored is not None:
            resource.remove(session.id, step.stored.id)
        if step.action in (Action.UPLOAD, Action.REPLACE):
            refusal = self._upload(resource, session, outcome, reporter.uploading(step.file))
            if refusal is not None:
                # The service's findings count; Graph gives a code only, and then the message is the finding.
                outcome.findings = refusal.findings or (Finding(refusal.inner_code or refusal.code, str(refusal)),)
                outcome.finding_count = max(1, int(refusal.inner.get("findingCount") or len(outcome.findings)))
            outcome.accepted = refusal is None
        elif step.action is Action.NOTHING:
            outcome.accepted = True
        if outcome.accepted:
            outcome.findings, outcome.finding_count = (), 0
        reporter.ended(step.file, accepted=outcome.accepted)

    def _upload(
        self, resource: "Resource", session: Session, outcome: FileOutcome, progress: Callable[[int], None]
    ) -> ApiError | None:
        """Upload one file; gives the error if it is refused."""
        source = DigestedWhileRead(outcome.file, outcome.sha256)
        try:
            resource.upload(
                session.id,
                source.open,
                name=outcome.name,
                size=outcome.file.size,
                sha256=source.sha256,
                progress=progress,
                compress=self.options.compress,
            )
        except ApiError as error:
            if not error.refuses_file:
                raise
            if outcome.rows is None and error.status != 413:
                # The service has said what is wrong, and not how many rows there are. Of a file that is too large,
                # nothing more needs to be known.
                outcome.take(check(outcome.file, self.options.principal_types))
            return error
        except OSError as error:
            raise unreadable(outcome.file.path, error) from None
        outcome.sha256 = source.sha256()
        return None

    def _verify(self, session: Session) -> None:
        """Compare what the session has with what was checked.

        Raises:
            ConflictError: they differ, so that a file changed on its way or someone else changes the session.
        """
        for file in self.outcome.files:
            if not file.accepted:
                continue
            file.stored = stored = session.file(file.name)
            if stored is None:
                file.accepted = False
                raise ConflictError(f"The session no longer has '{file.name}'. Someone else changed it; send it again.")
            digest_differs = stored.sha256 is not None and file.sha256 and stored.sha256.lower() != file.sha256
            if stored.size != file.file.size or digest_differs:
                file.accepted = False
                raise ConflictError(
                    f"'{file.name}' is stored with other contents than were checked: the file changed while it was "
                    "sent. Run the same command again with --replace."
                )
            file.verified = "size" if stored.sha256 is None else "sha256"
            if file.rows is None:
                file.rows = stored.rows
        sent = {file.name for file in self.outcome.files}
        self.outcome.others = tuple(file for file in session.files if file.name not in sent)

    def _complete(self, resource: "Resource") -> None:
        session = self.outcome.session
        if session is None or session.status != "active" or self.outcome.refused:
            return
        try:
            self.outcome.session = resource.complete(session.id, allow_change=self.options.allow_change)
        except ApiError as error:
            # A lost answer may have been the first attempt, which Graph does not accept twice.
            if error.status not in (400, 409):
                raise
            self.outcome.session = resource.get(session.id)
            if self.outcome.session.status != "complete":
                raise


def _checks_files_itself(session: Session) -> bool:
    """Whether the session takes files that may have findings, and names each of them.

    A file is sent to such a session in any case, since the service's rules count, so that it need not be checked on
    this machine too. Graph gets only files without findings.
    """
    return session.explains_refusals and session.status == "active"


def _same(resource: "Resource", session: Session, checked: CheckedFile, stored: StoredFile) -> bool:
    """Whether the session's file has these contents; where it has no digest, the file itself is read."""
    if stored.size != checked.file.size:
        return False
    if stored.sha256 is not None:
        return stored.sha256.lower() == checked.sha256
    try:
        with tempfile.TemporaryFile() as copy:
            return resource.download(session.id, stored, cast(BinaryIO, copy)) == checked.sha256
    except ApiError:
        # The service does not give files back; name and size are all that there is to compare.
        return True
