"""``accup send``: files in, a complete session out, or the reasons why not."""

import sys
from contextlib import ExitStack
from typing import Any

import click

from accup.api.models import Review
from accup.commands.choosing import chosen_files, show_skipped
from accup.commands.options import Given, on_resource, option, principal_types
from accup.commands.profiles import guid
from accup.conclusion import conclusion, question
from accup.errors import AccupError, ExitCode, InterruptedByUserError
from accup.folders import Chosen
from accup.outcome import SendOutcome
from accup.progress import reporter
from accup.screen import Screen, count_text, listing, plural, size_text
from accup.sending import UPLOADS_AT_ONCE, send_files


@click.command()
@chosen_files
@option("--review", "Review instance that the data is for.", type=guid, metavar="GUID")
@option("--definition", "Review definition, to create a session.", type=guid, metavar="GUID")
@click.option("--dry-run", is_flag=True, help="Check the files by the service's rules and say what would be done.")
@click.option("--complete", is_flag=True, help="Complete the session if every file was accepted, without a question.")
@click.option("--allow-change", is_flag=True, help="Complete although the number of rows differs from the last time.")
@click.option("--allow-others", is_flag=True, help="Complete although the session has files that are not sent now.")
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
@principal_types
@on_resource
def send(given: Given, chosen: Chosen, definition: str | None, complete: bool, **how: Any) -> ExitCode:
    """Send files, or the CSV files of folders, into the upload session of a review instance.

    Creates the session or continues with the existing one, uploads what is missing, compares the result with the local
    files, and completes the session only if every file was accepted. The same command continues after any failure:
    nothing is sent twice.
    """
    screen = given.screen
    review = Review(given.need("review"), definition)
    resource = given.resource()
    outcome = SendOutcome()
    seen = False
    with ExitStack() as bars:
        shown = bars.enter_context(reporter(screen, [file.size for file in chosen.files]))

        def agreed(found: SendOutcome) -> bool:
            nonlocal seen
            bars.close()
            # On a terminal the receipt is not shown a second time.
            seen = sys.stdout.isatty()
            _show_receipt(screen, found, err=not seen)
            return screen.ask(question(found))

        confirm = complete or (agreed if screen.can_ask else False)
        try:
            send_files(resource, chosen, review, confirm=confirm, reporter=shown, outcome=outcome, **how)
        except AccupError as error:
            outcome.error = error
        except KeyboardInterrupt:
            outcome.error = InterruptedByUserError("Interrupted. The same command continues where it stopped.")
    screen.result(outcome.as_json())
    if not seen:
        _show_receipt(screen, outcome)
    screen.say(conclusion(outcome))
    return outcome.exit_code


def _show_receipt(screen: Screen, outcome: SendOutcome, *, err: bool = False) -> None:
    """Show findings and warnings, the files that the session was seen to have, and what else it has or was left out."""
    for file in outcome.files:
        if file.refused:
            screen.findings(file.name, file.findings, file.finding_count, err=err)
        elif file.warning_count:
            screen.findings(file.name, file.warnings, file.warning_count, "warning", err=err)
    # There is little room for digests.
    warned = outcome.warning_count > 0
    rows = [
        (
            *(file.name, size_text(file.file.size), count_text(file.rows)),
            *[str(file.warning_count or "")] * warned,
            *(file.sha256 or "", file.verified or ""),
        )
        for file in outcome.files
        if file.accepted
    ]
    if rows:
        columns = ("File", "#Size", "#Rows", *["#Warnings"] * warned, "SHA-256", "Verified by")
        screen.table(columns, rows, err=err)
    show_skipped(screen, outcome.skipped)
    if outcome.others and not screen.as_json:
        count = plural(len(outcome.others), "file")
        names = listing([file.name for file in outcome.others])
        screen.say(f"The session also has {count} that this command did not send: {names}.")
