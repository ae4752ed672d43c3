"""``accup check``: the service's own validator, without a service."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from accup.commands.choosing import chosen_files, show_skipped
from accup.commands.options import Given, common, principal_types
from accup.declared import Declared
from accup.errors import ExitCode
from accup.folders import Chosen
from accup.local import CheckedFile
from accup.local import check as check_file
from accup.progress import reporter
from accup.screen import count_text, plural, size_text


@click.command()
@chosen_files
@principal_types
@click.option(
    "--import",
    "declaration",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON file with what is declared for the application of the files (columns, constants, ...).",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV file of the directory, with which accounts are matched as 'principals' of --import says.",
)
@click.option(
    "--accounts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV file with the application's own list of accounts, for the same.",
)
@common
def check(given: Given, chosen: Chosen, principal_types: Sequence[str], **known: Path | None) -> ExitCode:
    """Check files, or the CSV files of folders, on this machine. Nothing is sent.

    The rules are those of the service: it is the same code.
    """
    screen = given.screen
    checked: list[CheckedFile] = []
    declared = Declared(principal_types, **known)
    with reporter(screen, [file.size for file in chosen.files]) as shown:
        for file in chosen.files:
            checked.append(check_file(file, principal_types, shown.begins(file, "checking"), declared=declared))
            shown.ended(file, accepted=checked[-1].accepted)
    skipped = [each.as_json() for each in chosen.skipped]
    screen.result({"files": [_as_json(each) for each in checked], "skipped": skipped})
    for each in checked:
        if each.finding_count:
            screen.findings(each.file.name, each.findings, each.finding_count)
        if each.warning_count:
            screen.findings(each.file.name, each.warnings, each.warning_count, "warning")
    rows = [
        (
            file.file.name,
            size_text(file.file.size),
            count_text(file.rows),
            file.layout or "unknown",
            "accepted" if file.accepted else plural(file.finding_count, "finding"),
            plural(file.warning_count, "warning") if file.warning_count else "",
        )
        for file in checked
    ]
    screen.table(("File", "#Size", "#Rows", "Layout", "Result", "Warnings"), rows)
    show_skipped(screen, chosen.skipped)
    refused = sum(not each.accepted for each in checked)
    if refused:
        screen.say(f"{plural(refused, 'file')} of {len(checked)} would be refused. Fix the findings and check again.")
        return ExitCode.REFUSED
    screen.say(f"{plural(len(checked), 'file')} checked, all would be accepted.")
    return ExitCode.DONE


def _as_json(file: CheckedFile) -> dict[str, Any]:
    return {
        "name": file.file.name,
        "accepted": file.accepted,
        "rows": file.rows,
        "sha256": file.sha256,
        "findings": [finding.as_json() for finding in file.findings],
        "findingCount": file.finding_count,
        "size": file.file.size,
        "layout": file.layout,
        "warnings": [warning.as_json() for warning in file.warnings],
        "warningCount": file.warning_count,
    }
