"""What the service knows of an application, from files on this machine: declaration, directory, list of accounts."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import accup
from accup.errors import UsageError

_PIECE_BYTES = 1024 * 1024


def access_data(module: str) -> Any:
    """A module of the service's package for files, imported when it is needed: NumPy, behind it, takes 0.1 s.

    An installed client has it as ``accup.access_data`` (``hatch_build.py``); in a checkout it is beside the client.
    """
    beside = str(Path(__file__).parents[3] / "shared")
    if beside not in accup.__path__ and Path(beside, "access_data").is_dir():
        accup.__path__.append(beside)
    return import_module(f"accup.access_data.{module}")


class Declared:
    """What holds for the files of one application, read once.

    Raises:
        UsageError: a file cannot be read, or is not what it should be.
    """

    def __init__(
        self,
        principal_types: Collection[str],
        declaration: Path | None = None,
        directory: Path | None = None,
        accounts: Path | None = None,
    ) -> None:
        """Read what is there.

        Args:
            principal_types: the allowed values of ``principalType``.
            declaration: the JSON that ``PUT .../import`` takes.
            directory: the CSV file that ``PUT .../directory`` takes.
            accounts: the CSV file that ``PUT .../accounts`` takes.
        """
        self._declaration = None if declaration is None else _declaration(declaration, principal_types)
        principals = None if self._declaration is None else self._declaration.principals
        if principals is None and (directory or accounts):
            raise UsageError("A directory and accounts are used only with --import and 'principals' in its file.")
        self._accounts = {} if accounts is None else _list(accounts)
        self._snapshot = None if directory is None else _directory(directory)

    def steps(self) -> Any:
        """The steps of the next file."""
        rules, matcher = self._declaration, None
        if rules is not None and rules.principals is not None:
            match_by = rules.principals.match_by
            matcher = access_data("people.matching").Matcher(match_by, self._accounts, self._snapshot)
        return access_data("steps.making").Steps(rules, matcher)


def _declaration(path: Path, principal_types: Collection[str]) -> Any:
    rules = access_data("steps.declaration")
    try:
        return rules.parse_declaration(json.loads(path.read_bytes()), principal_types)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise UsageError(f"{path} is not JSON.") from None
    except rules.DeclarationError as error:
        raise UsageError(f"{path}: {error}") from None


def _list(path: Path) -> Any:
    lists = access_data("people.lists")
    try:
        return access_data("people.exceptions").read_accounts(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except lists.ListError as error:
        raise UsageError(_refused(path, error)) from None


def _directory(path: Path) -> Any:
    lists = access_data("people.lists")
    try:
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(_PIECE_BYTES), b"")
            return access_data("people.snapshots").read_snapshot(pieces, datetime.now(UTC))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except lists.ListError as error:
        raise UsageError(_refused(path, error)) from None


def _refused(path: Path, error: Any) -> str:
    first = error.findings[0]
    return f"{path}, line {first.line}: {first.message}"
