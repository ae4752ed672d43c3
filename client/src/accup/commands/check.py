"""``accup check``: the service's own validator, without a service."""

from pathlib import Path
from typing import Any

import click

from accup.commands.options import Given, common
from accup.exit_codes import ExitCode
from accup.local.checking import PRINCIPAL_TYPES, CheckedFile
from accup.local.checking import check as check_file
from accup.local.files import find_files
from accup.screen import tables
from accup.screen.progress import reporter
from accup.screen.wording import plural


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|FOLDER...")
@click.option(
    "--principal-type",
    "principal_types",
    multiple=True,
    metavar="TYPE",
    help=f"Allowed principalType; may be repeated (default: {', '.join(PRINCIPAL_TYPES)}).",
)
@common
def check(**values: Any) -> int:
    """Check files, or the CSV files of folders, on this machine. Nothing is sent.

    The rules are those of the service: it is the same code.
    """
    screen = Given.of(values).screen
    files = find_files(values["paths"])
    types = values["principal_types"] or PRINCIPAL_TYPES
    with reporter(screen) as shown:
        checked = []
        for file in files:
            checked.append(check_file(file, types, shown.checking(file)))
            shown.ended(file, accepted=checked[-1].accepted)
    refused = [each for each in checked if not each.accepted]
    if screen.as_json:
        screen.result({"files": [_as_json(each) for each in checked]})
    else:
        for each in checked:
            if each.finding_count:
                tables.findings(screen.out(), each.file.name, each.findings, each.finding_count)
            if each.warning_count:
                tables.findings(screen.out(), each.file.name, each.warnings, each.warning_count, "warning")
        tables.checks(screen.out(), checked)
    if refused:
        screen.say(
            f"{plural(len(refused), 'file')} of {len(checked)} would be refused. Fix the findings and check again."
        )
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
