"""Profiles: a file with values of options, checked as the options are; and where a user's settings are."""

import os
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from accup.errors import UsageError
from accup.signin.credentials import KINDS

# What a profile can contain: the options of the same names. Tokens do not belong into a file.
_SETTINGS = (
    *("url", "catalog", "resource", "review", "definition"),
    *("scope", "tenant", "client_id", "credential", "token_command", "ca_cert", "client_cert"),
)
_GUIDS = ("catalog", "resource", "review", "definition")

EXISTING_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
"""The type of an option that names a file."""


def guid(value: str) -> str:
    """A GUID in lower case, from one in any case and with or without braces: a type of options.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        return str(UUID(value))
    except ValueError:
        raise click.BadParameter(f"'{value}' is not a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11.") from None


def settings_folder() -> Path:
    """``ACCUP_CONFIG_DIR``, or where the system keeps a user's settings."""
    if given := os.environ.get("ACCUP_CONFIG_DIR"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "accup"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "accup"


def profile_of(name: str | None) -> dict[str, Any]:
    """The settings of a profile; of ``default``, if there is one, when no name is given.

    Raises:
        UsageError: there is no such profile, or the file is not as it should be.
    """
    path = settings_folder() / "profiles.toml"
    profiles = _read(path) if path.exists() else {}
    if name is None and "default" not in profiles:
        return {}
    name = name or "default"
    found = profiles.get(name)
    if not isinstance(found, dict):
        known = ", ".join(sorted(profiles)) or "none"
        raise UsageError(f"There is no profile '{name}' in {path}. Profiles there: {known}.")
    unknown = sorted(set(found) - set(_SETTINGS))
    if unknown or not all(isinstance(value, str) for value in found.values()):
        raise UsageError(
            f"The profile '{name}' in {path} may contain texts named {', '.join(_SETTINGS)}"
            + (f", and not {', '.join(unknown)}." if unknown else ".")
        )
    try:
        return {each: _converted(each, value) for each, value in found.items()}
    except click.BadParameter as error:
        raise UsageError(f"The profile '{name}' in {path}: {error.message}") from None


def _converted(name: str, value: str) -> Any:
    """A setting of a profile, as its option would have it.

    Raises:
        click.BadParameter: the option would not take it.
    """
    if name in _GUIDS:
        return guid(value)
    if name in ("ca_cert", "client_cert"):
        return EXISTING_FILE.convert(str(Path(value).expanduser()), None, None)
    if name == "credential" and value not in KINDS:
        raise click.BadParameter(f"'{value}' is not a credential. Possible: {', '.join(KINDS)}.")
    return value


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  # only who has a profile needs it

    try:
        # PowerShell 5 writes a byte order mark.
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"The profile file {path} cannot be read: {error}.") from None
