"""Decides what is to be done with each file, from what was checked and what the session has already. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from accup.api.models import Session, StoredFile
from accup.errors import ConflictError
from accup.local.checking import CheckedFile
from accup.local.files import LocalFile

Same = Callable[[CheckedFile, StoredFile], bool]


class Action(Enum):
    """What is to be done with a file."""

    NOTHING = "the session has it already"
    UPLOAD = "upload it"
    REPLACE = "remove the session's file of this name, and upload it"
    KEEP_BACK = "do not send it, since it has findings"


@dataclass(frozen=True, slots=True)
class Step:
    """One file's action; ``stored`` is the session's file of the same name."""

    file: LocalFile
    action: Action
    stored: StoredFile | None = None


def plan(checked: Sequence[CheckedFile], session: Session, *, replace: bool, same: Same) -> list[Step]:
    """The action for each file.

    A file with findings is sent to a service that explains its refusals: that service's rules count, which may be wider
    than ours, and it remembers the refusal, so that nothing completes the session by mistake. Graph gets only files
    without findings.

    Args:
        checked: the files.
        session: the session, with its files.
        replace: whether files of the session may be replaced.
        same: tells whether a file has the contents of the session's file of its name.

    Raises:
        ConflictError: the session has other contents under a file's name, or is over and lacks a file.
    """
    steps = [_step(file, session, replace=replace, same=same) for file in checked]
    pending = [step for step in steps if step.action is not Action.NOTHING]
    if pending and session.status != "active":
        names = _listed([step.file.name for step in pending])
        raise ConflictError(
            f"The upload session {session.id} is {session.status}, so nothing can be added to it. It lacks: {names}. "
            "More data needs another review instance."
        )
    return steps


def _step(checked: CheckedFile, session: Session, *, replace: bool, same: Same) -> Step:
    file = checked.file
    stored = session.file(file.name)
    if stored is not None and same(checked, stored):
        return Step(file, Action.NOTHING, stored)
    # A stored file is never given up for one with findings.
    if not checked.accepted and (stored is not None or not session.explains_refusals):
        return Step(file, Action.KEEP_BACK, stored)
    if stored is None:
        return Step(file, Action.UPLOAD)
    if session.status != "active":
        return Step(file, Action.REPLACE, stored)
    if not replace:
        raise ConflictError(
            f"The upload session {session.id} has a file named '{file.name}' with other contents. "
            "To replace it, run the same command with --replace; or rename the file."
        )
    return Step(file, Action.REPLACE, stored)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
