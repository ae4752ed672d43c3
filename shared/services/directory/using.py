"""The directory as one upload uses it: what matches the accounts of its file."""

from datetime import timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from shared.access_data.people.comparing import comparable
from shared.access_data.people.exceptions import load_accounts
from shared.access_data.steps.declaration import PrincipalRules
from shared.core.errors import INCOMPLETE_DATA, GraphError
from shared.core.ids import utc_now
from shared.domain.directory import Directory
from shared.domain.sessions import ResourceKey
from shared.services.changes import gather_all
from shared.services.context import Context

if TYPE_CHECKING:
    from shared.access_data.people.matching import Matcher
    from shared.access_data.people.snapshots import Snapshot

# A directory that is removed while it is loaded is read again; nobody replaces it so often in so short a time.
_ATTEMPTS = 3


async def matcher_for(context: Context, key: ResourceKey, rules: PrincipalRules) -> "Matcher":
    """What matches the accounts of one file of a resource, by its list of accounts and the directory as they are now.

    Raises:
        GraphError: 500 when the index of the directory is not complete.
        AzureError: storage failed.
    """
    from shared.access_data.people.matching import USER_PRINCIPAL_NAME, Matcher  # noqa: PLC0415  # it imports NumPy

    stored = context.storage
    names = {comparable(name) for name in (*rules.match_by, USER_PRINCIPAL_NAME)}
    listed, directory = await gather_all(stored.accounts.get(key), stored.directory.current())
    accounts = {} if listed is None else load_accounts(listed.content)
    days = context.settings.directory_max_age_days
    if directory is not None and utc_now() - directory.uploaded > timedelta(days=days):
        return Matcher(rules.match_by, accounts, None, too_old_days=days)
    snapshot = None if directory is None else await _loaded(context, directory, names)
    return Matcher(rules.match_by, accounts, snapshot)


async def _loaded(context: Context, directory: Directory, names: set[str]) -> "Snapshot | None":
    """The current directory with some attributes; ``None`` if it was removed meanwhile."""
    current: Directory | None = directory
    for _ in range(_ATTEMPTS):
        if current is None:
            return None
        try:
            return await context.storage.directory_parts.snapshot(current, names)
        except ResourceNotFoundError:
            current = await context.storage.directory.current()
    raise GraphError(
        INCOMPLETE_DATA,
        "The index of the directory is not complete, so that accounts cannot be matched. Upload the directory again.",
    )
