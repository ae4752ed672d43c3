"""``accup files``, ``get``, ``remove`` and ``withdraw``: the files of a session."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accup.api.models import Refusal, Session, StoredFile
from accup.commands.options import Given, on_session
from accup.errors import ApiError, NotPermittedError, UsageError
from accup.exit_codes import ExitCode
from accup.local.files import LocalFile
from accup.screen import tables
from accup.screen.progress import reporter
from accup.screen.wording import plural, size_text

if TYPE_CHECKING:
    from accup.api.multipart import Progress
    from accup.api.resource import Resource


@click.command()
@on_session
def files(**values: Any) -> int:
    """List a session's files, and the files that were refused and not replaced."""
    given = Given.of(values)
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        refused = _refusals(resource, session)
    if given.screen.as_json:
        body = {
            "session": session.id,
            "files": [_file_json(file) for file in session.files],
            "refusals": [{"id": each.id, "name": each.name, "findingCount": each.findings} for each in refused],
        }
        given.screen.result(body)
        return ExitCode.DONE
    rows = [
        (file.id, file.name, size_text(file.size), "" if file.rows is None else f"{file.rows:,}", file.sha256 or "")
        for file in session.files
    ]
    tables.table(given.screen.out(), ("Id", "Name", "#Size", "#Rows", "SHA-256"), rows)
    if refused:
        refusals = [(each.id, each.name, "" if each.findings is None else str(each.findings)) for each in refused]
        tables.table(given.screen.out(), ("Id", "Name", "#Findings"), refusals, title="Refused and not replaced")
    return ExitCode.DONE


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|ID]...")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder (default: here)."
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@on_session
def get(**values: Any) -> int:
    """Download files of a session (all, if none is named), and verify their digests."""
    given = Given.of(values)
    folder: Path = values["output"]
    got = []
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        chosen = [_chosen(session, name) for name in values["names"]] or list(session.files)
        folder.mkdir(parents=True, exist_ok=True)
        with reporter(given.screen) as shown:
            for file in chosen:
                path = folder / _safe_name(file.name)
                if path.exists() and not values["overwrite"]:
                    raise UsageError(f"{path} exists. Say --overwrite to replace it.")
                progress = shown.uploading(LocalFile(path, file.name, file.size))
                got.append(_download(resource, session, file, path, progress))
    verified = all(file.sha256 for file in chosen)
    if given.screen.as_json:
        given.screen.result({"session": session.id, "files": got})
    else:
        for each in got:
            given.screen.line(f"{each['sha256']}  {each['path']}")
    how = "verified against the session's digests" if verified else "sizes verified; the service tells no digests"
    given.screen.say(f"{plural(len(got), 'file')} downloaded, {how}.")
    return ExitCode.DONE


@click.command()
@click.argument("name", metavar="NAME|ID")
@on_session
def remove(**values: Any) -> int:
    """Remove one file from a session (not on Graph)."""
    given = Given.of(values)
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        file = _chosen(session, values["name"])
        resource.remove(session.id, file.id)
    if given.screen.as_json:
        given.screen.result({"session": session.id, "removed": file.name})
    given.screen.say(f"'{file.name}' was removed from session {session.id}.")
    return ExitCode.DONE


@click.command()
@click.argument("name", metavar="NAME|ID")
@on_session
def withdraw(**values: Any) -> int:
    """Withdraw a refusal: the file is not needed, and no longer blocks completion (not on Graph)."""
    given = Given.of(values)
    with given.client() as client:
        resource = given.resource(client)
        session = given.session(resource)
        wanted = values["name"]
        found = next((each for each in resource.refusals(session.id) if wanted in (each.id, each.name)), None)
        if found is None:
            raise NotPermittedError(
                f"Session {session.id} has no open refusal of '{wanted}'. 'accup files' lists them."
            )
        resource.withdraw(session.id, found.id)
    if given.screen.as_json:
        given.screen.result({"session": session.id, "withdrawn": found.name})
    given.screen.say(f"The refusal of '{found.name}' was withdrawn.")
    return ExitCode.DONE


def _chosen(session: Session, wanted: str) -> StoredFile:
    found = next((file for file in session.files if wanted in (file.name, file.id)), None)
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


def _safe_name(name: str) -> str:
    """A file's name that stays inside the folder, whatever the service says."""
    safe = Path(name.replace("\\", "/")).name
    if safe in ("", ".", "..") or not safe.isprintable() or (os.name == "nt" and set(safe) & set('<>:"|?*')):
        raise UsageError(f"{name!r} cannot be a file's name on this machine.")
    return safe


def _download(
    resource: "Resource", session: Session, file: StoredFile, path: Path, progress: "Progress"
) -> dict[str, Any]:
    """Download beside the destination, so that a file with this name is always whole."""
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb+") as to:
            digest = resource.download(session.id, file, to, progress)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return {"name": file.name, "path": str(path), "size": file.size, "sha256": digest}


def _file_json(file: StoredFile) -> dict[str, Any]:
    return {"id": file.id, "name": file.name, "size": file.size, "rows": file.rows, "sha256": file.sha256}
