"""``accup audit``: who changed what (not on Graph)."""

from itertools import islice
from typing import Any

import click

from accup.commands.options import Given, Guid, on_resource
from accup.errors import UsageError
from accup.exit_codes import ExitCode
from accup.screen import tables


@click.command()
@click.option("--session", "session_id", type=Guid(), metavar="GUID", help="Only changes of this session.")
@click.option("--since", metavar="DATETIME", help="Instead of a resource: all changes from 2026-11-01T00:00:00Z on.")
@click.option("--limit", type=click.IntRange(1), metavar="N", default=1000, show_default=True, help="Records at most.")
@on_resource
def audit(**values: Any) -> int:
    """List who changed what, for a resource, a session or a span of time (not on Graph)."""
    given = Given.of(values)
    chosen = _filter(given)
    with given.client() as client:
        records = list(islice(client.audit(chosen), values["limit"]))
    if given.screen.as_json:
        given.screen.result({"records": [record.body for record in records]})
        return ExitCode.DONE
    rows = [
        (
            "" if record.at is None else f"{record.at:%Y-%m-%d %H:%M:%S}Z",
            record.activity,
            record.result,
            record.caller or "the service",
            record.session_id or "",
            ", ".join(f"{name}={value}" for name, value in record.details.items() if value is not None),
        )
        for record in records
    ]
    tables.table(given.screen.out(), ("Time", "Activity", "Result", "Caller", "Session", "Details"), rows)
    return ExitCode.DONE


def _filter(given: Given) -> str:
    if given.values["since"]:
        chosen = f"activityDateTime ge {given.values['since']}"
        if (
            "'" in chosen
            or not given.values["since"].replace("-", "").replace(":", "").rstrip("Z").replace("T", "").isdigit()
        ):
            raise UsageError("--since needs a time such as 2026-11-01T00:00:00Z.")
    else:
        chosen = f"catalogId eq {given.need('catalog')} and resourceId eq {given.need('resource')}"
    if given.values["session_id"]:
        chosen += f" and sessionId eq {given.values['session_id']}"
    return chosen
