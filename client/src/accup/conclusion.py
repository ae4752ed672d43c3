"""The last lines of a send: what is the case, and the next step, which fits the situation."""

from shlex import quote

from accup.api.models import Session
from accup.errors import InterruptedByUserError
from accup.outcome import Action, SendOutcome
from accup.screen import duration_text, listing, plural

_COMMANDS_SHOWN = 5
_ACTIONS = {
    Action.UPLOAD: "would be uploaded",
    Action.REPLACE: "would replace the session's file of its name",
    Action.NOTHING: "is in the session already",
    Action.KEEP_BACK: "would not be sent",
}


def conclusion(outcome: SendOutcome) -> str:
    """What happened, and what to do next."""
    if outcome.error is not None:
        words = [f"accup: {outcome.error.explanation}", _state(outcome)]
        if outcome.error.may_pass:
            words.append("Run the same command again: it continues where it stopped.")
        return f"{words[0]}\n{' '.join(words[1:])}"
    if outcome.dry_run:
        return _rehearsed(outcome)
    session = outcome.session
    if session is None:
        return "Nothing was sent."
    where, count = f"Session {session.id}", plural(len(outcome.files), "file")
    if outcome.refused:
        names = listing([file.name for file in outcome.refused])
        verb = "nothing was completed" if outcome.status == "active" else f"the session is {outcome.status}"
        renamed = " If the valid data has another name: accup withdraw NAME." if session.explains_refusals else ""
        return (
            f"{where}: {plural(len(outcome.refused), 'file')} of {len(outcome.files)} refused, {verb}. "
            f"Fix {names} and run the same command again.{renamed}"
        )
    warned = f", with {plural(outcome.warning_count, 'warning')}" if outcome.warning_count else ""
    if outcome.complete:
        others = f" It also has {plural(len(outcome.others), 'other file')}." if outcome.others else ""
        return f"{where} is complete: {count} accepted and verified{warned}.{others}"
    return f"{where}: {count} accepted and verified{warned}.{_time(session)} {_to_complete(outcome)}"


def question(outcome: SendOutcome) -> str:
    """What is asked before the session is completed."""
    warned = f", with {plural(outcome.warning_count, 'warning')} (see above)" if outcome.warning_count else ""
    others = ""
    if outcome.others:
        names = listing([file.name for file in outcome.others])
        others = f" together with {plural(len(outcome.others), 'file')} that this command did not send ({names})"
    return f"All files were accepted{warned}. Complete the session{others}? Nothing can be added afterwards."


def _to_complete(outcome: SendOutcome) -> str:
    if outcome.refusals:
        return (
            "It cannot be completed yet, since files were refused earlier and not replaced: "
            f"{listing(outcome.refusals)}. Send valid files under the same names, or withdraw what is not needed:"
            + "".join(f"\n  accup withdraw {quote(name)}" for name in outcome.refusals[:_COMMANDS_SHOWN])
        )
    if outcome.others:
        return "To complete it with all that it has, run the same command with --complete --allow-others."
    return "Run the same command with --complete to complete it."


def _rehearsed(outcome: SendOutcome) -> str:
    done = "Nothing was changed."
    if outcome.refused:
        names = listing([file.name for file in outcome.refused])
        return f"{plural(len(outcome.refused), 'file')} of {len(outcome.files)} would be refused: {names}. {done}"
    words = [
        f"{plural(count, 'file')} {words}"
        for action, words in _ACTIONS.items()
        if (count := sum(file.action is action for file in outcome.files))
    ]
    if outcome.session is None:
        return f"{', '.join(words)}, into a new session; checked on this machine only. {done}"
    by = "" if outcome.session.explains_refusals else "; checked on this machine only"
    blocked = f" {_to_complete(outcome)}" if outcome.refusals else ""
    return f"Session {outcome.session.id}: {', '.join(words)}{by}. {done}{blocked}"


def _state(outcome: SendOutcome) -> str:
    """The session's state after an error, as it was read after it."""
    session = outcome.session
    if session is None:
        return "Nothing was sent."
    where = f"Session {session.id}"
    if outcome.status == "deleted":
        return f"{where} no longer exists."
    if outcome.status is None:
        if outcome.completing:
            return f"Whether session {session.id} is complete is not known: 'accup status' tells."
        stopped = " when this command was interrupted" if isinstance(outcome.error, InterruptedByUserError) else ""
        return f"{where} was not completed by this command{stopped}. 'accup status' tells its state."
    has = plural(session.files_uploaded, "file")
    if outcome.status == "complete":
        return f"{where} is complete, with {has}."
    return f"{where} is {outcome.status}, with {has}; it was not completed."


def _time(session: Session) -> str:
    left = duration_text(session.time_left)
    return f" It expires in {left} if nothing happens." if left else ""
