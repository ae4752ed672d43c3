"""``accup send``: files in, a complete session out, or the reasons why not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from accup.api.models import Review
from accup.commands.options import Given, Guid, on_resource, option
from accup.errors import InterruptedByUserError
from accup.local.checking import PRINCIPAL_TYPES
from accup.local.files import LocalFile, find_files
from accup.screen import tables
from accup.screen.console import Screen
from accup.screen.progress import reporter
from accup.screen.wording import duration_text, plural
from accup.sending.outcome import SendOutcome
from accup.sending.sender import UPLOADS_AT_ONCE, Sender, SendOptions


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|FOLDER...")
@option("--review", "Review instance that the data is for.", type=Guid(), metavar="GUID")
@option("--definition", "Review definition (default: the review instance's id).", type=Guid(), metavar="GUID")
@click.option("--complete", is_flag=True, help="Complete the session if every file was accepted, without a question.")
@click.option("--allow-change", is_flag=True, help="Complete although the number of rows differs from the last time.")
@click.option("--replace", is_flag=True, help="Replace files of the session that have other contents (not on Graph).")
@click.option(
    "--compress/--no-compress",
    default=None,
    help="Send gzip (default: where the service accepts it and it saves time).",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 16),
    metavar="N",
    default=UPLOADS_AT_ONCE,
    show_default=True,
    help="Parallel uploads.",
)
@click.option(
    "--principal-type",
    "principal_types",
    multiple=True,
    metavar="TYPE",
    help=f"Allowed principalType; may be repeated (default: {', '.join(PRINCIPAL_TYPES)}).",
)
@on_resource
def send(**values: Any) -> int:
    """Send files, or the CSV files of folders, into the upload session of a review instance.

    Creates the session or continues with the existing one, uploads what is missing, compares the result with the local
    files, and completes the session only if every file was accepted. The same command continues after any failure:
    nothing is sent twice.
    """
    given = Given.of(values)
    screen = given.screen
    files = find_files(values["paths"])
    review = Review(given.need("review"), given.values.get("definition") or given.need("review"))
    sender = Sender(
        SendOptions(
            replace=values["replace"],
            allow_change=values["allow_change"],
            compress=values["compress"],
            at_once=values["at_once"],
            principal_types=values["principal_types"] or PRINCIPAL_TYPES,
        )
    )
    try:
        _run(given, sender, files, review)
    except KeyboardInterrupt:
        sender.outcome.error = InterruptedByUserError("Interrupted. The same command continues where it stopped.")
    _show(screen, sender.outcome)
    return sender.outcome.exit_code


def _run(given: Given, sender: Sender, files: Sequence[LocalFile], review: Review) -> None:
    with reporter(given.screen) as shown:
        resource = given.resource(given.client())
        outcome = sender.send(files, resource, review, shown)
    if given.values["complete"] or _confirmed(given.screen, outcome):
        sender.complete(resource)


def _confirmed(screen: Screen, outcome: SendOutcome) -> bool:
    """Ask whether to complete, if there is something to complete and someone to ask."""
    if outcome.error is not None or outcome.refused or outcome.complete or not screen.can_ask:
        return False
    tables.receipt(screen.err(), outcome.files)
    _tell_others(screen, outcome)
    return screen.ask("All files were accepted. Complete the session? Nothing can be added afterwards.")


def _show(screen: Screen, outcome: SendOutcome) -> None:
    """Print the outcome: as JSON, or as tables and a last line."""
    if screen.as_json:
        screen.result(outcome.as_json())
    else:
        for file in outcome.refused:
            tables.findings(screen.out(), file.name, file.findings, file.finding_count)
        tables.receipt(screen.out(), outcome.files)
        _tell_others(screen, outcome)
    screen.say(last_line(outcome))


def _tell_others(screen: Screen, outcome: SendOutcome) -> None:
    if outcome.others:
        names = ", ".join(file.name for file in outcome.others[:5])
        more = f" and {len(outcome.others) - 5} more" if len(outcome.others) > 5 else ""
        screen.say(
            f"The session also has {plural(len(outcome.others), 'file')} that this command did not send: {names}{more}."
        )


def last_line(outcome: SendOutcome) -> str:
    """What happened, and what to do next."""
    where = f"Session {outcome.session.id}" if outcome.session else "No session was opened"
    refused = outcome.refused
    if outcome.error is not None:
        return f"accup: {outcome.error.explanation}\n{where}: not completed. {_next_step(outcome)}"
    if refused:
        names = ", ".join(file.name for file in refused[:3]) + (" ..." if len(refused) > 3 else "")
        return (
            f"{where}: {plural(len(refused), 'file')} of {len(outcome.files)} refused, nothing was completed. "
            f"Fix {names} and run the same command again."
        )
    count = plural(len(outcome.files), "file")
    if outcome.complete:
        return f"{where} is complete: {count} accepted and verified."
    left = outcome.session.time_left() if outcome.session else None
    time = "" if left is None else f" It expires in {duration_text(left)} if nothing happens."
    return f"{where}: {count} accepted and verified. Run the same command with --complete to complete it.{time}"


def _next_step(outcome: SendOutcome) -> str:
    code = outcome.error.exit_code if outcome.error else None
    if code is not None and code.name in ("SERVICE", "INTERRUPTED"):
        return "Run the same command again: it continues where it stopped."
    return "Nothing is lost: what was accepted stays in the session." if outcome.session else "Nothing was sent."
