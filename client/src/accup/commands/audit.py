"""``accup audit``: who changed what (not on Graph)."""

from collections.abc import Iterator
from itertools import islice

import click

from accup.api.models import AuditRecord
from accup.commands.options import Given, on_resource
from accup.commands.profiles import guid
from accup.errors import ApiError, HostError, UnsupportedError, UsageError
from accup.screen import plural


@click.command()
@click.option("--session", "session_id", type=guid, metavar="GUID", help="Only changes of this session.")
@click.option("--since", metavar="DATETIME", help="Instead of a resource: all changes from 2026-11-01T00:00:00Z on.")
@click.option("--limit", type=click.IntRange(1), metavar="N", default=1000, show_default=True, help="Records at most.")
@on_resource
def audit(given: Given, since: str | None, limit: int) -> None:
    """List who changed what, for a resource, a session or a span of time (not on Graph)."""
    chosen = _filter(given, since)
    # One more, to know whether something is left out.
    found = list(islice(_records(given, chosen), limit + 1))
    records, more = found[:limit], len(found) > limit
    given.screen.result({"records": [record.body for record in records], "more": more})
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
    given.screen.table(("Time", "Activity", "Result", "Caller", "Session", "Details"), rows)
    if more:
        given.screen.say(
            f"These are the first {plural(limit, 'record')}, and there are more. Say a larger --limit for all, or "
            "--session or --since for a part."
        )


def _records(given: Given, chosen: str) -> Iterator[AuditRecord]:
    """The records that a filter selects.

    Raises:
        UnsupportedError: the service keeps none.
    """
    try:
        yield from given.client().audit(chosen)
    except ApiError as error:
        # A service of ours answers 403 where the caller lacks a permission.
        if error.status not in (404, 405) or isinstance(error, HostError):
            raise
        raise UnsupportedError("This service keeps no audit log: Microsoft Graph has no such operation.") from None


def _filter(given: Given, since: str | None) -> str:
    if since:
        if not since.replace("-", "").replace(":", "").rstrip("Z").replace("T", "").isdigit():
            raise UsageError("--since needs a time such as 2026-11-01T00:00:00Z.")
        chosen = f"activityDateTime ge {since}"
    else:
        chosen = f"catalogId eq {given.need('catalog')} and resourceId eq {given.need('resource')}"
    if given.values["session_id"]:
        chosen += f" and sessionId eq {given.values['session_id']}"
    return chosen
