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
from accup.local.files import LocalFile
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
    """One send: ``check``, then ``send``, and ``complete`` if that is wanted.

    ``outcome`` is up to date at any time. An error goes into it, and the steps after it do nothing.
    """

    options: SendOptions = field(default_factory=SendOptions)
    outcome: SendOutcome = field(default_factory=SendOutcome)

    def check(self, files: Sequence[LocalFile], reporter: Reporter) -> SendOutcome:
        """Check every file on this machine."""
        return self._step(partial(self._check, files, reporter))

    def send(self, resource: "Resource", review: Review, reporter: Reporter) -> SendOutcome:
        """Send the checked files into the review instance's session, as far as it does not have them."""
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

    def _check(self, files: Sequence[LocalFile], reporter: Reporter) -> None:
        for file in files:
            checked = check(file, self.options.principal_types, reporter.checking(file))
            outcome = FileOutcome(checked, findings=checked.findings, finding_count=checked.finding_count)
            self.outcome.files.append(outcome)

    def _send(self, resource: "Resource", review: Review, reporter: Reporter) -> None:
        self.outcome.session = session = resource.open(review)
        checked = [file.checked for file in self.outcome.files]
        steps = plan(checked, session, replace=self.options.replace, same=partial(_same, resource, session))
        # The largest first, so that no long one is left for the end.
        steps.sort(key=lambda step: step.checked.file.size, reverse=True)
        run_all([partial(self._take, resource, session, step, reporter) for step in steps], self.options.at_once)
        self.outcome.session = session = resource.get(session.id)
        self._verify(session)

    def _take(self, resource: "Resource", session: Session, step: Step, reporter: Reporter) -> None:
        """Do one step; a refusal is part of the outcome and no error."""
        file = step.checked.file
        outcome = next(each for each in self.outcome.files if each.name == file.name)
        if step.action in (Action.UPLOAD, Action.REPLACE):
            if step.action is Action.REPLACE and step.stored is not None:
                resource.remove(session.id, step.stored.id)
            progress = reporter.uploading(file)
            try:
                resource.upload(
                    session.id,
                    file.path,
                    size=file.size,
                    sha256=step.checked.sha256,
                    progress=progress,
                    compress=self.options.compress,
                )
            except ApiError as error:
                if not error.refuses_file:
                    raise
                # The service's findings count; Graph gives a code only, and then the message is the finding.
                outcome.findings = error.findings or (Finding(error.inner_code or error.code, str(error)),)
                outcome.finding_count = max(1, int(error.inner.get("findingCount") or len(outcome.findings)))
            else:
                outcome.accepted, outcome.findings, outcome.finding_count = True, (), 0
        elif step.action is Action.NOTHING:
            outcome.accepted, outcome.findings, outcome.finding_count = True, (), 0
        reporter.ended(file, accepted=outcome.accepted)

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
            digest_differs = stored.sha256 is not None and stored.sha256.lower() != file.checked.sha256
            if stored.size != file.checked.file.size or digest_differs:
                file.accepted = False
                raise ConflictError(
                    f"'{file.name}' is stored with other contents than were checked: the file changed while it was "
                    "sent. Run the same command again with --replace."
                )
            file.verified = "size" if stored.sha256 is None else "sha256"
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
