"""Takes files through a whole session: open, check, upload, verify, complete."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from accup.api.models import Checked, Review, Session
from accup.api.multipart import Upload, normalized
from accup.at_once import run_all
from accup.completing import complete, listed, repeated_words, verify
from accup.errors import AccupError, ApiError, ConflictError
from accup.evidence import Proof, repeated
from accup.findings import Finding
from accup.folders import Choice, Chosen
from accup.local import PRINCIPAL_TYPES, check, vanished
from accup.outcome import Action, FileOutcome, SendOutcome
from accup.planning import Plan
from accup.progress import Reporter
from accup.screen import listing

if TYPE_CHECKING:
    from accup.api.resource import Resource

UPLOADS_AT_ONCE = 4


def send_files(
    resource: "Resource",
    files: Chosen | Sequence[Path],
    review: Review,
    *,
    confirm: bool | Callable[[SendOutcome], bool] = False,
    replace: bool = False,
    allow_change: bool = False,
    allow_others: bool = False,
    compress: bool | None = None,
    at_once: int = UPLOADS_AT_ONCE,
    principal_types: Collection[str] = PRINCIPAL_TYPES,
    dry_run: bool = False,
    reporter: Reporter | None = None,
    outcome: SendOutcome | None = None,
) -> SendOutcome:
    """Send files into the review instance's session, as far as it does not have them, and complete it if wanted.

    A refused file is no error: it is in the outcome, and then nothing is completed. The same call again continues after
    any error.

    Args:
        resource: where the sessions are.
        files: paths of files and folders, or what ``Choice`` makes of them.
        review: the review instance.
        confirm: whether to complete the session if every file was accepted; or a function that decides it, and is shown
            the outcome with all that the session has.
        replace: replace files of the session that have other contents (not on Graph).
        allow_change: complete although the number of rows differs from the last time by more than the service allows.
        allow_others: complete although the session has files that are not among these.
        compress: send gzip, or not; if not given, where the service accepts it and it saves time.
        at_once: uploads at a time.
        principal_types: the allowed values of ``principalType`` where the files are checked here.
        dry_run: change nothing: find out what would be done, and have the service check the files if it can.
        reporter: is told how far each file is.
        outcome: is filled in; it says how far it came if there is an error.

    Raises:
        ConflictError: the session has other contents under a file's name, or is over and lacks a file; something could
            not be compared; or somebody changed the session or a file meanwhile.
        AccupError: the service or the network failed, or a file cannot be read.
    """
    outcome = SendOutcome() if outcome is None else outcome
    chosen = files if isinstance(files, Chosen) else Choice().of(files)
    outcome.files, outcome.skipped = [FileOutcome(file) for file in chosen.files], tuple(chosen.skipped)
    outcome.dry_run = dry_run
    sender = _Sender(resource, outcome, replace, compress, at_once, principal_types, reporter or Reporter())
    try:
        if dry_run:
            sender.rehearse(review)
            return outcome
        sender.send(review)
        shown = outcome.session
        if shown is None or outcome.refused or outcome.complete:
            return outcome
        if not isinstance(confirm, bool) or not confirm:
            sender.read_refusals()
            if outcome.refusals or isinstance(confirm, bool) or not confirm(outcome):
                return outcome
            allow_others = True
        complete(resource, outcome, shown, allow_change=allow_change, allow_others=allow_others)
    except AccupError as error:
        sender.look_after(error)
        raise
    except KeyboardInterrupt:
        outcome.status = None
        raise
    return outcome


@dataclass(slots=True)
class _Sender:
    """One send; ``outcome`` says how far it is at any time."""

    resource: "Resource"
    outcome: SendOutcome
    replace: bool
    compress: bool | None
    at_once: int
    principal_types: Collection[str]
    reporter: Reporter

    def send(self, review: Review) -> None:
        """Send what the session lacks, and see that it has all of it."""
        session = self.resource.open(review)
        self.outcome.read(session)
        # A service that explains its refusals checks each file itself, and it gets them all.
        self._decide(session, check_all=not session.explains_refusals)
        # The largest first, so that no long one is left for the end.
        files = sorted(self.outcome.files, key=lambda file: file.file.size, reverse=True)
        run_all([partial(self._take, session, file) for file in files], self.at_once)
        accepted = [file for file in self.outcome.files if file.accepted]
        session = listed(self.resource, session, accepted)
        self.outcome.read(session)
        for file in accepted:
            stored = session.file(file.name)
            if stored is not None and file.proof is None and stored.sha256 is None:
                # It arrived, but the answer was lost: somebody else may have sent it.
                self._plan(session).compare(file, stored)
        verify(self.outcome, session)

    def rehearse(self, review: Review) -> None:
        """Find out what ``send`` would do."""
        session = self.resource.find(review.instance_id)
        if session is None:
            self._check_all()
            for file in self.outcome.files:
                file.action = Action.KEEP_BACK if file.finding_count else Action.UPLOAD
            return
        self.outcome.read(session)
        self._decide(session, check_all=True)
        if session.explains_refusals:
            sent = [file for file in self.outcome.files if file.action in (Action.UPLOAD, Action.REPLACE)]
            run_all([partial(self._is_valid, session, file, "checking") for file in sent], self.at_once)
        self.read_refusals()

    def read_refusals(self) -> None:
        """Note which other files were refused earlier and not replaced: they prevent the completion."""
        session = self.outcome.session
        if session is not None and session.explains_refusals and session.status == "active":
            ours = {file.name for file in self.outcome.files}
            found = self.resource.refusals(session.id)
            self.outcome.refusals = tuple(each.name for each in found if each.name not in ours)

    def look_after(self, error: AccupError) -> None:
        """Read the session once more after an error, so that its state is told as it is; not if nothing answers."""
        session, self.outcome.status = self.outcome.session, None
        if session is None or error.may_pass:
            return
        try:
            now = self.resource.get(session.id)
        except ApiError as failure:
            if failure.status == 404:
                self.outcome.status = "deleted"
        except AccupError:
            pass
        else:
            self.outcome.read(now)

    def _decide(self, session: Session, *, check_all: bool) -> None:
        """Decide what to do with each file.

        Raises:
            ConflictError: the session has other contents, or a name twice, or is over and lacks a file.
        """
        if twice := repeated(session):
            raise ConflictError(repeated_words(twice, session))
        if session.files or session.status != "active" or check_all:
            self._check_all()
        plan = self._plan(session)
        run_all([partial(plan.decide, file) for file in self.outcome.files], self.at_once)
        pending = [file.name for file in self.outcome.files if file.action is not Action.NOTHING]
        if pending and session.status != "active":
            raise ConflictError(
                f"The upload session {session.id} is {session.status}, so nothing can be added to it. It does not have "
                f"{listing(pending)} as the files are here. More data needs another review instance."
            )

    def _plan(self, session: Session) -> Plan:
        return Plan(self.resource, session, self.replace, self.reporter)

    def _check_all(self) -> None:
        for file in self.outcome.files:
            file.take(check(file.file, self.principal_types, self.reporter.begins(file.file, "checking")))

    def _take(self, session: Session, file: FileOutcome) -> None:
        """Do what is to be done with a file; a refusal is part of the outcome and no error."""
        stored = session.file(file.name)
        if file.action is Action.REPLACE and stored is not None:
            # Checked before the stored one is given up.
            if not self._is_valid(session, file, "uploading"):
                self.reporter.ended(file.file, accepted=False)
                return
            self.resource.remove(session.id, stored.id)
        if file.action in (Action.UPLOAD, Action.REPLACE):
            file.accepted = self._upload(session, file)
        elif file.action is Action.NOTHING:
            file.accepted = file.doubt is None
            file.findings, file.finding_count = (), 0
        self.reporter.ended(file.file, accepted=file.accepted)

    def _is_valid(self, session: Session, file: FileOutcome, what: str) -> bool:
        """Whether the service would accept a file; what it says is noted. ``what`` is shown meanwhile."""
        upload = self._form(file, what)
        try:
            checked = self.resource.validate(session.id, upload)
        except ApiError as error:
            self._refused(file, error)
            return False
        except OSError as error:
            raise vanished(file.file.path, error) from None
        file.remarked(checked)
        return True

    def _upload(self, session: Session, file: FileOutcome) -> bool:
        """Upload a file; false if it is refused."""
        upload = self._form(file, "uploading")
        try:
            after = self.resource.send(session.id, upload)
        except ApiError as error:
            self._refused(file, error)
            return False
        except OSError as error:
            raise vanished(file.file.path, error) from None
        file.sha256 = upload.sha256
        if upload.answered:
            file.proof = Proof.SENT
            mine = [stored.id for stored in after.files if normalized(stored.name) == file.name]
            file.stored_id = mine[0] if len(mine) == 1 else None
        file.remarked(Checked.from_json(after.body if upload.answered else {}))
        return True

    def _form(self, file: FileOutcome, what: str) -> Upload:
        progress = self.reporter.begins(file.file, what)
        path = file.file.path
        return Upload(file.name, file.file.size, lambda: path.open("rb"), file.sha256, progress, self.compress)

    def _refused(self, file: FileOutcome, error: ApiError) -> None:
        """Note why the service refuses a file; any other error is raised."""
        if not error.refuses_file:
            raise error
        if file.rows is None and error.status != 413:
            # The service has said what is wrong, and not how many rows there are. Of a file that is too large, nothing
            # more needs to be known.
            file.take(check(file.file, self.principal_types))
        # The service's findings count; Graph gives a code only, and then the message is the finding.
        file.findings = error.findings or (Finding(error.inner_code or error.code, str(error)),)
        file.finding_count = max(1, int(error.inner.get("findingCount") or len(file.findings)))
