"""``accup files``, ``get``, ``remove`` and ``withdraw``: the files of a session."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from accup.api.models import Refusal, Session, StoredFile
from accup.api.multipart import normalized
from accup.commands.options import Given, on_session
from accup.errors import ApiError, NotPermittedError
from accup.progress import reporter
from accup.receiving import receive
from accup.screen import count_text, plural, size_text

if TYPE_CHECKING:
    from accup.api.resource import Resource


@click.command()
@on_session
def files(given: Given) -> None:
    """List a session's files, and the files that were refused and not replaced."""
    resource, session = given.session()
    refused = _refusals(resource, session)
    given.screen.result(
        {
            "session": session.id,
            "files": [file.as_json() for file in session.files],
            "refusals": [{"id": each.id, "name": each.name, "findingCount": each.findings} for each in refused],
        }
    )
    rows = [
        (file.id, file.name, size_text(file.size), count_text(file.rows), file.sha256 or "") for file in session.files
    ]
    given.screen.table(("Id", "Name", "#Size", "#Rows", "SHA-256"), rows)
    if refused:
        refusals = [(each.id, each.name, "" if each.findings is None else str(each.findings)) for each in refused]
        given.screen.table(("Id", "Name", "#Findings"), refusals, title="Refused and not replaced")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|ID]...")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder (default: here)."
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist with other contents.")
@on_session
def get(given: Given, names: Sequence[str], output: Path, overwrite: bool) -> None:
    """Download files of a session (all, if none is named), and verify their digests.

    The same command continues after any failure: what is there already is not downloaded again.
    """
    resource, session = given.session()
    chosen = [_chosen(session, name) for name in names] or list(session.files)
    with reporter(given.screen, [file.size for file in chosen]) as shown:
        received = receive(resource, session, chosen, output, shown, overwrite=overwrite)
    given.screen.result({"session": session.id, "files": [each.as_json() for each in received]})
    for each in received:
        given.screen.line(f"{each.sha256}  {each.path}")
    there = sum(each.was_there for each in received)
    verified = all(file.sha256 for file in chosen)
    how = "verified against the session's digests" if verified else "sizes verified; the service tells no digests"
    had = f", {there} of them before" if there else ""
    given.screen.say(f"{plural(len(received), 'file')} downloaded{had}, {how}.")


@click.command()
@click.argument("name", metavar="NAME|ID")
@on_session
def remove(given: Given, name: str) -> None:
    """Remove one file from a session (not on Graph)."""
    resource, session = given.session()
    file = _chosen(session, name)
    resource.remove(session.id, file.id)
    given.screen.result({"session": session.id, "removed": file.name})
    given.screen.say(f"'{file.name}' was removed from session {session.id}.")


@click.command()
@click.argument("name", metavar="NAME|ID")
@on_session
def withdraw(given: Given, name: str) -> None:
    """Withdraw a refusal: the file is not needed, and no longer blocks completion (not on Graph)."""
    resource, session = given.session()
    found = next((each for each in resource.refusals(session.id) if normalized(name) in (each.id, each.name)), None)
    if found is None:
        raise NotPermittedError(f"Session {session.id} has no open refusal of '{name}'. 'accup files' lists them.")
    resource.withdraw(session.id, found.id)
    given.screen.result({"session": session.id, "withdrawn": found.name})
    given.screen.say(f"The refusal of '{found.name}' was withdrawn.")


def _chosen(session: Session, wanted: str) -> StoredFile:
    found = session.file(wanted) or next((file for file in session.files if file.id == wanted), None)
    if found is None:
        raise NotPermittedError(f"Session {session.id} has no file '{wanted}'. 'accup files' lists them.")
    return found


def _refusals(resource: "Resource", session: Session) -> tuple[Refusal, ...]:
    """The open refusals; none where the service does not have them (Graph)."""
    if not session.explains_refusals:
        return ()
    try:
        return resource.refusals(session.id)
    except ApiError as error:
        if error.status not in (404, 405):
            raise
        return ()
