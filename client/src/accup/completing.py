"""Completes a session on evidence: reads it again, compares all of it, completes what was read, and reads it again."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from accup.api.models import Session, StoredFile
from accup.errors import ApiError, ConflictError
from accup.evidence import Comparison, compare, repeated, same_list
from accup.outcome import FileOutcome, SendOutcome
from accup.screen import listing

if TYPE_CHECKING:
    from accup.api.resource import Resource

# Where there are no ETags (Graph), nothing can be completed "if it is as it was read". So the list must have been the
# same for this time, in which the uploads of somebody else arrive, and a list that is behind catches up.
QUIET_SECONDS = 2
# As long a list may be behind what it has accepted.
_SETTLES_SECONDS = 20


def listed(resource: "Resource", session: Session, expected: Sequence[FileOutcome], *, quiet: bool = False) -> Session:
    """The session as it is now, when its list has settled; ``quiet``: without ETags, after it stayed the same a while.

    Where there is an ETag, the first read counts. Else the session is read until it lists and counts what it should, or
    the time is over.
    """
    deadline = time.monotonic() + _SETTLES_SECONDS
    last = resource.get(session.id)
    if last.etag is not None:
        return last
    while time.monotonic() < deadline:
        found = compare([file.expected for file in expected], last)
        settled = found.is_counted and not found.missing
        if settled and not quiet:
            return last
        time.sleep(QUIET_SECONDS)
        now = resource.get(session.id)
        if settled and same_list(now, last):
            return now
        last = now
    return last


def verify(outcome: SendOutcome, session: Session) -> None:
    """See that a session, as it was just read, has every accepted file once and the same, and note what else it has.

    Raises:
        ConflictError: it has not, or that could not be compared.
    """
    outcome.read(session)
    mine = [file for file in outcome.files if file.accepted or file.doubt]
    found = compare([file.expected for file in mine], session)
    wrong = {*found.missing, *found.repeated, *found.differing, *found.unproven}
    for file in mine:
        stored = session.file(file.name)
        file.accepted = stored is not None and file.name not in wrong
        proof = file.expected.proof_of(stored) if stored is not None and file.accepted else None
        file.verified = None if proof is None else proof.value
        if stored is not None and file.accepted:
            file.rows = stored.rows if file.rows is None else file.rows
            file.warning_count = max(file.warning_count, stored.warnings or 0)
    if not found.holds:
        raise ConflictError(_words(found, session, {file.name: file.doubt for file in mine if file.doubt}))


def complete(
    resource: "Resource", outcome: SendOutcome, shown: Session, *, allow_change: bool, allow_others: bool
) -> None:
    """Complete the session if it still is as ``shown``, and the local files are as they were read.

    Raises:
        ConflictError: it is not, or they are not; or it was completed with something else.
        ApiError: the service does not complete it.
    """
    if outcome.others and not allow_others:
        raise ConflictError(
            f"The upload session {shown.id} also has {listing([file.name for file in outcome.others])}, which this "
            "command did not send. Look at it with 'accup files'. To complete it with all that it has, run the same "
            "command with --allow-others."
        )
    for file in outcome.files:
        file.file.check_unchanged(file.sha256 or "")
    now = listed(resource, shown, outcome.files, quiet=True)
    if now.status == "active" and not same_list(now, shown):
        outcome.read(now)
        raise _changed(shown, now)
    verify(outcome, now)
    if now.status == "active":
        outcome.completing = True
        verify(outcome, _completed(resource, now, allow_change=allow_change))
    if not outcome.complete:
        raise ConflictError(f"The upload session {now.id} is {outcome.status}. Run the same command again.")


def complete_as_shown(
    resource: "Resource", session: Session, *, allow_incomplete: bool = False, allow_change: bool = False
) -> Session:
    """Complete a session if it still is as somebody has seen it, whatever it has.

    Raises:
        ConflictError: it is not, or it has a name twice.
        ApiError: the service does not complete it.
    """
    now = listed(resource, session, (), quiet=True)
    if repeated(now) or (now.status == "active" and not same_list(now, session)):
        raise _changed(session, now)
    return _completed(resource, now, allow_change=allow_change, allow_incomplete=allow_incomplete)


def _completed(
    resource: "Resource", session: Session, *, allow_change: bool, allow_incomplete: bool = False
) -> Session:
    """The session after it was completed as it was read, by us or, with whatever it has, by somebody else."""
    try:
        answer = resource.complete(
            session.id, allow_incomplete=allow_incomplete, allow_change=allow_change, if_match=session.etag
        )
    except ApiError as error:
        if error.status not in (400, 409, 412):
            raise
        after = resource.get(session.id)
        if after.status == "complete":
            return after
        if error.status == 412:
            raise _changed(session, after) from None
        raise
    # An answer may leave out files ("Customize Microsoft Graph responses").
    return answer if answer.files and len(answer.files) == answer.files_uploaded else resource.get(session.id)


def _changed(before: Session, now: Session) -> ConflictError:
    if twice := repeated(now):
        return ConflictError(repeated_words(twice, now))
    return ConflictError(
        f"The upload session {now.id} was changed by somebody else meanwhile: {_changes(before.files, now.files)}. "
        f"{_again(now)}"
    )


def _changes(before: Sequence[StoredFile], after: Sequence[StoredFile]) -> str:
    old, new = {file.id: file.name for file in before}, {file.id: file.name for file in after}
    gone = [name for id_, name in old.items() if id_ not in new]
    come = [name for id_, name in new.items() if id_ not in old]
    words = [f"it now has {listing(come)}"] * bool(come) + [f"it no longer has {listing(gone)}"] * bool(gone)
    return " and ".join(words) or "its files are the same"


def _words(found: Comparison, session: Session, doubts: dict[str, str]) -> str:
    """What is wrong, what to look at, and what to do."""
    where = _where(session)
    if found.repeated:
        return repeated_words(found.repeated, session)
    if found.differing:
        what = f"{where} has {listing(found.differing)} with other contents than the file here."
        return f"{what} {_remedy(session, 'Compare them with ', 'accup get')}"
    if found.missing:
        return f"{where} does not have {listing(found.missing)} any more. {_again(session)}"
    if found.unproven:
        return _uncompared(found.unproven, session, where, doubts)
    return (
        f"{where} counts {session.files_uploaded} files and {session.total_bytes:,} bytes, and lists others. "
        f"{_again(session)}"
    )


def repeated_words(names: Sequence[str], session: Session) -> str:
    """What to say of a session that has files of the same name."""
    return (
        f"{_where(session)} has {listing(names)} more than once: two have sent at the same time, or an answer was "
        f"lost. {_remedy(session, 'Look at it with ')}"
    )


def _where(session: Session) -> str:
    return f"The upload session {session.id}" + (", which is complete," if session.status == "complete" else "")


def _uncompared(names: Sequence[str], session: Session, where: str, doubts: dict[str, str]) -> str:
    why = next((doubts[name] for name in names if name in doubts), "it tells no digest")
    what = (
        f"{where} has {listing(names)} from before this command, which could not be compared with the file here: "
        f"{why}. Name and size are the same; the contents may not be. Look at 'accup files': "
    )
    if session.status == "complete":
        return f"{what}it cannot be changed any more."
    return (
        f"{what}if you have sent these files, and not changed them since, complete the session with 'accup complete'. "
        "If not, delete it with 'accup delete', and run the same command again."
    )


def _remedy(session: Session, look: str, command: str = "accup files") -> str:
    looked = f"{look}'{command}'."
    if session.status == "complete":
        return f"{looked} A complete session cannot be changed: other data needs another review instance."
    if session.explains_refusals:
        return f"{looked} To replace what is there, run the same command with --replace; or rename the file."
    return (
        f"{looked} Graph cannot replace or remove a file: delete the session with 'accup delete', and run the same "
        "command again."
    )


def _again(session: Session) -> str:
    if session.status == "complete":
        return "Look at it with 'accup files'. Other data needs another review instance."
    return "Look at it with 'accup files', and run the same command again."
