"""Checks the environment variables that hold settings, and chooses the storage connection among them."""

from collections.abc import Collection, Iterable, Mapping

PREFIX = "UPLOADS_"

OWN_STORAGE = "UPLOADS_STORAGE"
HOST_STORAGE = "AzureWebJobsStorage"

# Set for others: Functions knows a queue endpoint for each storage connection, and infra/smoke.py reads a token.
_NOT_OURS = ("UPLOADS_STORAGE__queueServiceUri", "UPLOADS_TOKEN")

# Settings of earlier versions, or values of them, and what to do instead.
REMOVED = {
    "UPLOADS_AUTH=platform": "the app checks tokens of Microsoft Entra itself. Set UPLOADS_AUTH=entra, "
    "UPLOADS_TENANT_ID and UPLOADS_AUDIENCE, and switch App Service authentication off (docs/access-control.md).",
    "UPLOADS_FUNCTION_KEYS": "a browser that opens the page has no key, and every caller needs a token anyway. Remove "
    "the setting; callers need no key (docs/access-control.md).",
    "UPLOADS_MAX_UPLOADS_PER_PROCESS": "downloads count, too: set UPLOADS_MAX_TRANSFERS_PER_PROCESS to its number.",
    "UPLOADS_MAX_UPLOADS_AT_ONCE": "one caller can have a share of UPLOADS_MAX_TRANSFERS_PER_PROCESS, with downloads. "
    "Set UPLOADS_CALLER_SHARE_PERCENT, or remove the setting.",
}

# The parts of a connection that Functions calls identity-based ("Develop Azure Functions: connections").
_ENDPOINTS = ("__blobServiceUri", "__tableServiceUri")
_IDENTITY = ("__accountName", *_ENDPOINTS, "__credential", "__clientId")


class SettingsError(Exception):
    """The app cannot start with these settings. The message names each variable that is wrong, one in a line."""


def check_removed(variables: Mapping[str, str]) -> None:
    """Refuse what protected an app of an earlier version, since it would protect nothing now.

    Raises:
        SettingsError: it says what to set instead.
    """
    given = {name.upper() for name in variables} | {
        f"{name.upper()}={text.lower()}" for name, text in variables.items()
    }
    removed = [f"{what} is no longer supported: {why}" for what, why in REMOVED.items() if what in given]
    if removed:
        raise SettingsError("\n".join(removed))


def check_names(names: Iterable[str], known: Collection[str]) -> None:
    """Refuse a variable that begins like a setting and is none, since it is a misspelled one.

    Raises:
        SettingsError: it names the setting that is spelled most alike.
    """
    spelled = {name.upper(): name for name in (*known, *_NOT_OURS)}
    unknown = [name for name in sorted(names) if name.upper().startswith(PREFIX) and name.upper() not in spelled]
    if unknown:
        # Imported here because a process that starts never needs it.
        from difflib import get_close_matches  # noqa: PLC0415

        nearest = [get_close_matches(name.upper(), spelled, n=1, cutoff=0)[0] for name in unknown]
        raise SettingsError(
            "\n".join(
                f"{name} is not a setting. Did you mean {spelled[meant]}?"
                for name, meant in zip(unknown, nearest, strict=True)
            )
        )


def storage_variables(variables: Mapping[str, str | None]) -> dict[str, str]:
    """The storage connection to use, by the names of ``UPLOADS_STORAGE`` in lower case; empty if there is none.

    If any variable of ``UPLOADS_STORAGE`` is set, only those count; else the connection of the Functions host is used.
    An empty value counts as not set. Names are not case-sensitive.

    Raises:
        SettingsError: the connection is incomplete or contradicts itself.
    """
    values = {name.lower(): value for name, value in variables.items() if value}
    for prefix in (OWN_STORAGE, HOST_STORAGE):
        found = {
            part: values[f"{prefix}{part}".lower()] for part in ("", *_IDENTITY) if f"{prefix}{part}".lower() in values
        }
        if found:
            return {f"{OWN_STORAGE}{part}".lower(): value for part, value in _checked(prefix, found).items()}
    return {}


def _checked(prefix: str, found: dict[str, str]) -> dict[str, str]:
    """One connection, by the parts of its names behind the prefix, if it is complete."""
    if "" in found:
        if len(found) > 1 and prefix == OWN_STORAGE:
            others = ", ".join(f"{prefix}{part}" for part in found if part)
            raise SettingsError(f"{prefix} is a connection string, so that {others} would be ignored. Remove either.")
        # The Functions host prefers its connection string, too.
        return {"": found[""]}
    missing = [part for part in _ENDPOINTS if part not in found]
    if missing and "__accountName" not in found:
        raise SettingsError(
            f"{' and '.join(f'{prefix}{part}' for part in found)} is not a complete storage connection. Set "
            f"{' and '.join(f'{prefix}{part}' for part in missing)}, or {prefix}__accountName, or only {prefix} (a "
            "connection string)."
        )
    return found
