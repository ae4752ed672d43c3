"""``accup status``, ``list``, ``complete``, ``redeliver``, ``delete`` and ``watch``: whole sessions."""

import math
import time
from typing import Any

import click

from accup.api.models import Delivery, Session
from accup.commands.options import Given, on_resource, on_session
from accup.completing import complete_as_shown
from accup.errors import AccupError, ConflictError, ExitCode, UsageError
from accup.screen import Screen, duration_text, listing, plural, size_text

_TARGETS = ("graph", "events")
_STATES = ("active", "complete", "expired")

_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@on_session
def status(given: Given) -> None:
    """Show a session: its status, its files, the time left, and the states of its deliveries."""
    _, session = given.session()
    _show(given.screen, session)


@click.command("list")
@click.option("--status", type=click.Choice(_STATES), help="Only sessions of this status.")
@on_resource
def list_sessions(given: Given, status: str | None) -> None:
    """List the sessions of a resource."""
    sessions = list(given.resource().list(None if status is None else f"status eq '{status}'"))
    given.screen.result({"sessions": [_as_json(session) for session in sessions]})
    rows = [
        (
            session.id,
            session.status,
            session.reference_id or "",
            "" if session.created is None else f"{session.created:%Y-%m-%d %H:%M}Z",
            duration_text(session.time_left),
            f"{session.files_uploaded}",
            size_text(session.total_bytes),
        )
        for session in sessions
    ]
    columns = ("Session", "Status", "Review instance", "Created", "Time left", "#Files", "#Size")
    given.screen.table(columns, rows)


@click.command()
@click.option("--allow-incomplete", is_flag=True, help="Although it has no file, or a refused file was not replaced.")
@click.option(
    "--allow-change", is_flag=True, help="Although the number of rows differs from the last time by too much."
)
@_yes
@on_session
def complete(given: Given, allow_incomplete: bool, allow_change: bool, yes: bool) -> None:
    """Complete a session: nothing can be added afterwards."""
    resource, session = given.session()
    if not yes:
        files = _files_text(session)
        _confirm(given.screen, f"Complete session {session.id} with {files}? Nothing can be added afterwards.")
    session = complete_as_shown(resource, session, allow_incomplete=allow_incomplete, allow_change=allow_change)
    _show(given.screen, session)


@click.command()
@click.option(
    "--target",
    type=click.Choice(_TARGETS),
    default=_TARGETS[0],
    show_default=True,
    help="Which delivery: the forwarding to Microsoft Graph, or the events.",
)
@on_session
def redeliver(given: Given, target: str) -> None:
    """Try a delivery of a complete session again at once (not on Graph)."""
    resource, session = given.session()
    delivery = resource.redeliver(session.id, target)
    given.screen.result({"session": session.id, "delivery": delivery.as_json()})
    given.screen.say(f"Session {session.id} is delivered again to {delivery.target}. 'accup status' shows the result.")


@click.command()
@_yes
@on_session
def delete(given: Given, yes: bool) -> None:
    """Delete a session that is not complete, with its files."""
    resource, session = given.session()
    if not yes:
        _confirm(given.screen, f"Delete session {session.id} with {_files_text(session)}?")
    resource.delete(session.id, if_match=session.etag)
    given.screen.result({"session": session.id, "deleted": True})
    given.screen.say(f"Session {session.id} was deleted.")


@click.command()
@click.option(
    "--interval",
    type=click.IntRange(1, 3600),
    metavar="N",
    default=15,
    show_default=True,
    help="Seconds between requests.",
)
@click.option("--timeout", type=click.IntRange(0), metavar="N", help="Seconds after which to give up.")
@on_session
def watch(given: Given, interval: int, timeout: int | None) -> ExitCode:
    """Wait until a session is complete or has expired."""
    screen = given.screen
    deadline = None if timeout is None else time.monotonic() + timeout
    resource, session = given.session()
    while session.status not in ("complete", "expired"):
        left = math.inf if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise ConflictError(f"Session {session.id} is still {session.status} after {timeout} seconds.")
        if screen.shows_progress:
            ends = duration_text(session.time_left)
            screen.say(f"{session.status}, {plural(session.files_uploaded, 'file')}, time left: {ends}")
        time.sleep(min(interval, left))
        session = resource.get(session.id)
    if session.status == "complete":
        _show(screen, session)
        return ExitCode.DONE
    error = ConflictError(f"Session {session.id} has expired without being completed.")
    _show(screen, session, error)
    screen.say(f"accup: {error.explanation}")
    return error.exit_code


def _confirm(screen: Screen, question: str) -> None:
    """Ask before a step that cannot be undone.

    Raises:
        UsageError: there is nobody to ask, or the answer was no.
    """
    if not screen.can_ask:
        raise UsageError("This cannot be undone. In a script, say --yes.")
    if not screen.ask(question):
        raise UsageError("Nothing was changed.")


def _files_text(session: Session) -> str:
    """The number of a session's files, and the names of the first."""
    names = listing([file.name for file in session.files])
    return plural(session.files_uploaded, "file") + (f" ({names})" if names else "")


def _show(screen: Screen, session: Session, error: AccupError | None = None) -> None:
    body = _as_json(session) | {"files": [file.as_json() for file in session.files]}
    screen.result(body if error is None else body | {"error": error.as_json()})
    screen.line(f"Session          {session.id}")
    screen.line(f"Status           {session.status}")
    screen.line(f"Review instance  {session.reference_id or 'unknown'}")
    screen.line(f"Time left        {duration_text(session.time_left) or 'none'}")
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


def _as_json(session: Session) -> dict[str, Any]:
    left = session.time_left
    return {
        "session": session.id,
        "status": session.status,
        "referenceId": session.reference_id,
        "createdDateTime": None if session.created is None else session.created.isoformat(),
        "expirationDateTime": None if session.expires is None else session.expires.isoformat(),
        "secondsLeft": None if left is None else int(left.total_seconds()),
        "filesUploaded": session.files_uploaded,
        "totalBytesUploaded": session.total_bytes,
        "deliveries": [delivery.as_json() for delivery in session.deliveries],
    }
