"""The arguments that choose files: files, folders and what to take of them, or standard input."""

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from accup.api.multipart import check_name
from accup.errors import UsageError
from accup.folders import CSV_FILES, Choice, Skipped
from accup.local import LocalFile
from accup.screen import Screen, listing

_STDIN = Path("-")

_ARGUMENTS = (
    click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|FOLDER|-..."),
    click.option("--recursive", "-r", is_flag=True, help="Also what is in the folders of a folder."),
    click.option(
        "--include",
        multiple=True,
        default=CSV_FILES,
        metavar="PATTERN",
        help=f"What to take of a folder; may be repeated (default: {' '.join(CSV_FILES)}).",
    ),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="What to leave out of a folder; may be repeated."),
    click.option("--name", metavar="NAME", help="Name of the file that is read from standard input (-)."),
)


def chosen_files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments that choose files. The function gets ``chosen``, which is ``Chosen``, in their place."""

    @wraps(command)
    def run(
        *arguments: Any,
        paths: Sequence[Path],
        recursive: bool,
        include: Sequence[str],
        exclude: Sequence[str],
        name: str | None,
        **values: Any,
    ) -> Any:
        named = [path for path in paths if path != _STDIN]
        chosen = Choice(recursive, include, exclude).of(named)
        if len(named) < len(paths):
            chosen.files.append(_standard_input(name, [file.name for file in chosen.files]))
        elif name is not None:
            raise UsageError("--name names the file that is read from standard input, which is written as '-'.")
        return command(*arguments, chosen=chosen, **values)

    for each in reversed(_ARGUMENTS):
        run = each(run)
    return run


def show_skipped(screen: Screen, skipped: Sequence[Skipped]) -> None:
    """Say what of the folders is left out, and why."""
    if screen.as_json:
        return
    reasons: dict[str, list[str]] = {}
    for each in skipped:
        reasons.setdefault(each.why, []).append(str(each.path))
    for why, paths in reasons.items():
        screen.say(f"Left out, since {why}: {listing(paths)}")


def _standard_input(name: str | None, others: Sequence[str]) -> LocalFile:
    """What standard input has, as a file, since its size is sent before it, and it may have to be sent again.

    Raises:
        UsageError: it has no name, or one that another file has.
    """
    if name is None:
        raise UsageError("Standard input needs a name in the session: --name doors.csv.")
    check_name(name)
    if name in others:
        raise UsageError(f"Two files are named '{name}'. Give standard input another --name.")
    if sys.stdin.isatty():
        raise UsageError("Standard input is the keyboard. Use '-' behind a pipe, or name a file.")
    # Only this user can read the folder.
    folder = click.get_current_context().with_resource(TemporaryDirectory(prefix="accup-", ignore_cleanup_errors=True))
    path = Path(folder) / "standard-input"
    with path.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy, 1024 * 1024)
    return LocalFile.of(path, name)
