"""What handlers read from a request: who asks, ids, the dialect, query options, preferences."""

import re
from urllib.parse import quote

from fastapi import Request

from shared.core.errors import INVALID_PARAMETER, METHOD_NOT_ALLOWED, UNKNOWN_PATH, GraphError
from shared.core.ids import parse_guid
from shared.domain.audit import Actor
from shared.domain.callers import GrantKey
from shared.domain.lifecycle import ResourceKey, SessionKey
from shared.models.dialects import Dialect
from shared.query.options import Query, parse_query
from shared.web.contracts import Contract
from shared.web.routes import PathFamily, allowed_methods


def actor(req: Request) -> Actor:
    """Who asks, and by which request: for the audit."""
    by: Actor = req.state.actor
    return by


def resource_key(req: Request) -> ResourceKey:
    """The resource that a path names.

    Raises:
        GraphError: 400, if an id is not a GUID.
    """
    return ResourceKey(path_guid(req, "catalogId"), path_guid(req, "resourceId"))


def session_key(req: Request) -> SessionKey:
    """The session that a path names.

    Raises:
        GraphError: 400, if an id is not a GUID.
    """
    return SessionKey(resource_key(req), path_guid(req, "sessionId"))


def grant_key(req: Request) -> GrantKey:
    """What the path of a grant names: a catalog or a resource, and whom.

    Raises:
        GraphError: 400, if an id is not a GUID.
    """
    resource_id = path_guid(req, "resourceId") if "resourceId" in req.path_params else None
    return GrantKey(path_guid(req, "catalogId"), resource_id, path_guid(req, "principalId"))


def path_guid(req: Request, name: str) -> str:
    """An id of the path, in lower case. Only a GUID ever gets into a storage key or a blob's name.

    Raises:
        GraphError: 400.
    """
    text: str = req.path_params[name]
    guid = parse_guid(text)
    if guid is None and text.startswith("$"):
        # No id, but a word of OData, which has a route of its own for other methods.
        raise unserved(req)
    if guid is None:
        raise GraphError(
            INVALID_PARAMETER,
            f"'{name}' in the path must be a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11.",
            target=name,
        )
    return guid


def raw_path(req: Request) -> str:
    """The path as it was sent, not decoded."""
    raw: bytes | None = req.scope.get("raw_path")
    return quote(req.url.path) if raw is None else raw.decode("latin-1")


def dialect(req: Request) -> Dialect:
    """Which of Graph's versions the request speaks."""
    family: PathFamily = req.state.family
    return family.dialect


def parse_options(req: Request) -> Query:
    """The query options of a request; an operation whose contract names none takes none.

    Raises:
        GraphError: 400 for an option, or a part of one, that is not supported, naming it.
    """
    contract: Contract = req.state.contract
    return parse_query(req.query_params.multi_items(), capabilities=contract.capabilities, allowed=contract.options)


def unserved(req: Request) -> GraphError:
    """The error for a path that nothing serves, or not with this method: 405 with ``Allow``, or 404."""
    allowed = allowed_methods(raw_path(req))
    if allowed:
        return GraphError(
            METHOD_NOT_ALLOWED,
            f"This path takes {' and '.join(allowed)}, and not {req.method}.",
            headers={"Allow": ", ".join(allowed)},
        )
    return GraphError(
        UNKNOWN_PATH,
        "There is nothing at this path. Upload sessions are at "
        "/v1.0/identityGovernance/entitlementManagement/catalogs/{catalogId}/resources/{resourceId}/uploadSessions.",
    )


def prefers(req: Request, preference: str) -> bool:
    """Whether the header ``Prefer`` (RFC 7240) names a preference."""
    wishes = ",".join(req.headers.getlist("prefer")).lower().split(",")
    return any(re.split(r"[=;\s]", wish.strip())[0] == preference for wish in wishes)
