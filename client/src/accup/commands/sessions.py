"""``accup status``, ``list``, ``complete``, ``redeliver``, ``delete`` and ``watch``: whole sessions."""

import time
from typing import Any

import click

from accup.api.models import Delivery, Session, StoredFile
from accup.commands.options import Given, on_resource, on_session
from accup.errors import ConflictError, UsageError
from accup.exit_codes import ExitCode
from accup.screen import tables
from accup.screen.console import Screen
from accup.screen.wording import duration_text, plural, size_text

_TARGETS = ("graph", "events")
_STATES = ("active", "complete", "expired")


@click.command()
@on_session
def status(**values: Any) -> int:
    """Show a session: its status, its files, the time left, and what its deliveries have come to."""
    given = Given.of(values)
    with given.client() as client:
        _show(given.screen, given.session(given.resource(client)))
    return ExitCode.DONE


@click.command("list")
@click.option("--status", type=click.Choice(_STATES), help="Only sessions of this status.")
@on_resource
def list_sessions(**values: Any) -> int:
    """List the sessions of a resource."""
    given = Given.of(values)
    chosen = None if values["status"] is None else f"status eq '{values['status']}'"
    with given.client() as client:
        sessions = list(given.resource(client).list(chosen))
    if given.screen.as_json:
        given.screen.result({"sessions": [_as_json(session) for session in sessions]})
        return ExitCode.DONE
    rows = [
        (
            session.id,
            session.status,
            session.reference_id or "",
            "" if session.created is None else f"{session.created:%Y-%m-%d %H:%M}Z",
            _left(session),
            f"{session.files_uploaded}",
            size_text(session.total_bytes),
        )
        for session in sessions
    ]
    columns = ("Session", "Status", "Review instance", "Created", "Time left", "#Files", "#Size")
    tables.table(given.screen.out(), columns, rows)
    return ExitCode.DONE


@click.command()
@click.option("--allow-incomplete", is_flag=True, help="Although it has no file, or a refused file was not replaced.")
@click.option(
    "--allow-change", is_flag=True, help="Although the number of rows differs from the last time by too much."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_session
def complete(**values: Any) -> int:
    """Complete a session: nothing can be added afterwards."""
    given = Given.of(values)
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        files = plural(session.files_uploaded, "file")
        _confirm(given, f"Complete session {session.id} with {files}? Nothing can be added afterwards.")
        session = resource.complete(
            session.id, allow_incomplete=values["allow_incomplete"], allow_change=values["allow_change"]
        )
        _show(given.screen, session)
    return ExitCode.DONE


@click.command()
@click.option(
    "--target",
    type=click.Choice(_TARGETS),
    default=_TARGETS[0],
    show_default=True,
    help="Which delivery: the forwarding to Microsoft Graph, or the events.",
)
@on_session
def redeliver(**values: Any) -> int:
    """Try a delivery of a complete session again at once (not on Graph)."""
    given = Given.of(values)
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        delivery = resource.redeliver(session.id, values["target"])
    if given.screen.as_json:
        given.screen.result({"session": session.id, "delivery": _delivery_json(delivery)})
    given.screen.say(f"Session {session.id} is delivered again to {delivery.target}. 'accup status' shows the result.")
    return ExitCode.DONE


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@on_session
def delete(**values: Any) -> int:
    """Delete a session that is not complete, with its files."""
    given = Given.of(values)
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        files = plural(session.files_uploaded, "file")
        _confirm(given, f"Delete session {session.id} with {files}?")
        resource.delete(session.id)
    if given.screen.as_json:
        given.screen.result({"session": session.id, "deleted": True})
    given.screen.say(f"Session {session.id} was deleted.")
    return ExitCode.DONE


@click.command()
@click.option(
    "--interval",
    type=click.FloatRange(1, 3600),
    metavar="N",
    default=15,
    show_default=True,
    help="Seconds between looks.",
)
@click.option("--timeout", type=click.FloatRange(0), metavar="N", help="Seconds after which to give up.")
@on_session
def watch(**values: Any) -> int:
    """Wait until a session is complete or has expired."""
    given = Given.of(values)
    deadline = None if values["timeout"] is None else time.monotonic() + values["timeout"]
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        while session.status not in ("complete", "expired"):
            if deadline is not None and time.monotonic() + values["interval"] > deadline:
                raise ConflictError(
                    f"Session {session.id} is still {session.status} after {values['timeout']:g} seconds."
                )
            if given.screen.shows_progress:
                given.screen.say(
                    f"{session.status}, {plural(session.files_uploaded, 'file')}, time left: {_left(session)}"
                )
            time.sleep(values["interval"])
            session = resource.get(session.id)
        _show(given.screen, session)
        if session.status == "expired":
            raise ConflictError(f"Session {session.id} has expired without being completed.")
    return ExitCode.DONE


def _confirm(given: Given, question: str) -> None:
    """Ask before a step that cannot be undone.

    Raises:
        UsageError: there is nobody to ask, or the answer was no.
    """
    if given.values["yes"]:
        return
    if not given.screen.can_ask:
        raise UsageError("This cannot be undone. In a script, say --yes.")
    if not given.screen.ask(question):
        raise UsageError("Nothing was changed.")


def _show(screen: Screen, session: Session) -> None:
    if screen.as_json:
        screen.result(_as_json(session) | {"files": [_file_json(file) for file in session.files]})
        return
    screen.line(f"Session          {session.id}")
    screen.line(f"Status           {session.status}")
    screen.line(f"Review instance  {session.reference_id or 'unknown'}")
    screen.line(f"Time left        {_left(session) or 'none'}")
    screen.line(f"Files            {session.files_uploaded} ({size_text(session.total_bytes)})")
    for delivery in session.deliveries:
        screen.line(f"{f'To {delivery.target}':<17}{_delivery_text(delivery)}")


def _delivery_text(delivery: Delivery) -> str:
    tried = plural(delivery.attempts, "attempt")
    if delivery.state == "delivered":
        return f"delivered after {tried}" + (f", session {delivery.upstream_id}" if delivery.upstream_id else "")
    if delivery.state == "failed":
        return f"given up after {tried}: {delivery.last_error} When it is fixed: accup redeliver."
    soon = "" if delivery.next_attempt is None else f", next at {delivery.next_attempt:%Y-%m-%d %H:%M:%S}Z"
    return f"waiting, {tried}{soon}" + (f": {delivery.last_error}" if delivery.last_error else "")


def _left(session: Session) -> str:
    left = session.time_left()
    return "" if left is None else duration_text(left)


def _as_json(session: Session) -> dict[str, Any]:
    left = session.time_left()
    return {
        "session": session.id,
        "status": session.status,
        "referenceId": session.reference_id,
        "createdDateTime": None if session.created is None else session.created.isoformat(),
        "expirationDateTime": None if session.expires is None else session.expires.isoformat(),
        "secondsLeft": None if left is None else int(left.total_seconds()),
        "filesUploaded": session.files_uploaded,
        "totalBytesUploaded": session.total_bytes,
        "deliveries": [_delivery_json(delivery) for delivery in session.deliveries],
    }


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    return {
        "target": delivery.target,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "lastError": delivery.last_error,
        "nextAttemptDateTime": None if delivery.next_attempt is None else delivery.next_attempt.isoformat(),
        "upstreamId": delivery.upstream_id,
    }


def _file_json(file: StoredFile) -> dict[str, Any]:
    return {"id": file.id, "name": file.name, "size": file.size, "rows": file.rows, "sha256": file.sha256}
