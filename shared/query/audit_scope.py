"""Where audit records have to be looked for, by what a ``$filter`` requires of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.core.errors import GraphError, invalid_option
from shared.query.capabilities import Comparison


@dataclass(frozen=True, slots=True)
class Scope:
    """Where records are looked for: a span of time, of everything, of one catalog or of one resource."""

    since: datetime | None = None
    until: datetime | None = None
    catalog_id: str | None = None
    resource_id: str | None = None
    session_id: str | None = None


def scope_of(required: Iterable[Comparison]) -> Scope:
    """Where the records can be that a ``$filter`` keeps, by what it requires of each.

    Raises:
        GraphError: 400, if that is everywhere: a session and a span of time are cheap to find, the rest is not.
    """
    since: datetime | None = None
    until: datetime | None = None
    ids: dict[str, str] = {}
    for name, word, value in required:
        if isinstance(value, datetime):
            if word in ("ge", "gt", "eq"):
                since = max(since or value, value)
            if word in ("le", "lt", "eq"):
                until = min(until or value, value)
        elif word == "eq" and name in ("catalogId", "resourceId", "sessionId"):
            ids[name] = str(value)
    scope = Scope(since, until, ids.get("catalogId"), ids.get("resourceId"), ids.get("sessionId"))
    if since is None and (scope.catalog_id is None or scope.resource_id is None):
        raise _too_wide()
    return scope


def _too_wide() -> GraphError:
    return invalid_option(
        "$filter",
        "it must say since when, or of which resource: activityDateTime ge 2026-01-01T00:00:00Z, or catalogId eq ... "
        "and resourceId eq ... (and sessionId eq ...). More conditions may follow after 'and'",
    )
