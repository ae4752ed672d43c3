"""Settings from the profile file: named sets of option values, so that a command line stays short."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accup.errors import UsageError

SETTINGS = (
    "url",
    "catalog",
    "resource",
    "review",
    "definition",
    "scope",
    "tenant",
    "client_id",
    "credential",
    "token_command",
)
"""What a profile can contain: the options of the same names. Tokens do not belong into a file."""

DEFAULT = "default"


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the profile file: ``ACCUP_CONFIG_DIR``, or where the system keeps a user's settings."""
    if given := environment.get("ACCUP_CONFIG_DIR"):
        return Path(given)
    if sys.platform == "win32":
        return Path(environment.get("APPDATA") or Path.home()) / "accup"
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "accup"


def profile_file() -> Path:
    """The profile file."""
    return config_folder() / "profiles.toml"


def load_profile(name: str | None) -> dict[str, str]:
    """The settings of a profile; of ``default``, if there is one, when no name is given.

    Raises:
        UsageError: there is no such profile, or the file is not as it should be.
    """
    path = profile_file()
    profiles = _read(path) if path.exists() else {}
    if name is None and DEFAULT not in profiles:
        return {}
    found = profiles.get(name or DEFAULT)
    if not isinstance(found, dict):
        known = ", ".join(sorted(profiles)) or "none"
        raise UsageError(f"There is no profile '{name}' in {path}. Profiles there: {known}.")
    unknown = sorted(set(found) - set(SETTINGS))
    if unknown or not all(isinstance(value, str) for value in found.values()):
        raise UsageError(
            f"The profile '{name or DEFAULT}' in {path} may contain texts named {', '.join(SETTINGS)}"
            + (f", and not {', '.join(unknown)}." if unknown else ".")
        )
    return dict(found)


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  # only who has a profile needs it

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"The profile file {path} cannot be read: {error}.") from None
