"""``accup directory`` and ``accup accounts``: whose the accounts in files are (not on Graph)."""

from pathlib import Path

import click

from accup.api.people import Accounts, DirectoryState
from accup.commands.options import Given, on_resource, on_service
from accup.screen import plural

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")


@click.group()
def directory() -> None:
    """The directory of the tenant's users, with whom accounts in files are matched (not on Graph)."""


@directory.command("put")
@_file
@on_service
def put_directory(given: Given, file: Path) -> None:
    """Upload a CSV file with a row for each user as the directory, which replaces the one that is there."""
    _show(given, given.client().directory.put(file))


@directory.command("show")
@on_service
def show_directory(given: Given) -> None:
    """Show what the directory has: counts only, nothing of a person."""
    _show(given, given.client().directory.get())


@directory.command("delete")
@on_service
def delete_directory(given: Given) -> None:
    """Remove the directory and everything that was made of it."""
    given.client().directory.delete()
    given.screen.result({"deleted": True})
    given.screen.say("The directory was removed.")


def _show(given: Given, state: DirectoryState) -> None:
    given.screen.result(dict(state.body))
    given.screen.line(f"{plural(state.users, 'user')}, uploaded {state.uploaded}")
    rows = [(each.name, f"{each.users:,}", f"{each.shared:,}") for each in state.attributes]
    given.screen.table(("Attribute", "#Users", "#With a shared value"), rows)


@click.group()
def accounts() -> None:
    """The application's own list of accounts, for those that the directory does not have (not on Graph)."""


@accounts.command("show")
@on_resource
def show_accounts(given: Given) -> None:
    """Print the list, in the form in which it can be uploaded again."""
    content = _accounts(given).get().decode()
    given.screen.result({"accounts": content})
    for line in content.splitlines():
        given.screen.line(line)


@accounts.command("put")
@_file
@on_resource
def put_accounts(given: Given, file: Path) -> None:
    """Upload a CSV file with the columns account and principalId as the list, which replaces the one that is there."""
    _stored(given, _accounts(given).put(file))


@accounts.command("add")
@_file
@on_resource
def add_accounts(given: Given, file: Path) -> None:
    """Add the accounts of such a file to the list, such as one that was downloaded with a refusal and filled in."""
    _stored(given, _accounts(given).add(file))


@accounts.command("delete")
@on_resource
def delete_accounts(given: Given) -> None:
    """Remove the list. What was uploaded stays as it is."""
    _accounts(given).delete()
    given.screen.result({"deleted": True})
    given.screen.say("The list was removed.")


def _accounts(given: Given) -> Accounts:
    return given.client().accounts(given.need("catalog"), given.need("resource"))


def _stored(given: Given, number: int) -> None:
    given.screen.result({"accountCount": number})
    given.screen.say(f"The list has {plural(number, 'account')}. It holds for uploads from now on.")
