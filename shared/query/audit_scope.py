"""The range of audit records that a ``$filter`` restricts a search to."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from shared.core.errors import invalid_option
from shared.query.capabilities import Comparison


class Scope(NamedTuple):
    """The range of a search: a time span, a catalog, a resource or a session. ``None`` means no restriction."""

    since: datetime | None = None
    until: datetime | None = None
    catalog_id: str | None = None
    resource_id: str | None = None
    session_id: str | None = None


def scope_of(required: Iterable[Comparison]) -> Scope:
    """The range that the required comparisons of a ``$filter`` define.

    Raises:
        GraphError: 400 if they define neither a start time nor a resource, because the search would read every record.
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
        raise invalid_option(
            "$filter",
            "it must contain a start time or a resource: activityDateTime ge 2026-01-01T00:00:00Z, or catalogId eq ... "
            "and resourceId eq ... (optionally and sessionId eq ...). Add more conditions with 'and'",
        )
    return scope
