"""Reads the parts of a request before its body: the caller, ids in the path, query options, preferences."""

import re
from urllib.parse import quote
from urllib.request import parse_http_list

from fastapi import Request
from starlette.datastructures import Headers

from shared.core.errors import INVALID_PARAMETER, INVALID_REQUEST, METHOD_NOT_ALLOWED, UNKNOWN_PATH, GraphError
from shared.core.ids import parse_guid
from shared.domain.audit import Actor
from shared.domain.callers import GrantKey
from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey, SessionKey
from shared.models.dialects import Dialect
from shared.query.options import Query, parse_query
from shared.services.context import Context
from shared.web.contracts import Contract
from shared.web.routes import RESOURCE_PREFIXES, SESSIONS, PathPrefix, allowed_methods

_SINGLE_FIELDS = ("authorization", "content-encoding", "content-type")

_NAME = r"[!#$%&'*+.^_`|~\w-]+"

# A name, perhaps with a value, and parameters, which no preference of this service has.
_PREFERENCE = re.compile(rf'({_NAME})(?:\s*=\s*({_NAME}|"(?:[^"\\]|\\.)*")?)?\s*(?:;.*)?', re.ASCII | re.DOTALL)


def actor(req: Request) -> Actor:
    """The caller and the request id, for the audit."""
    stored: Actor = req.state.actor
    return stored


def limited_caller(req: Request) -> str:
    """Whose request it is for the limits: the caller's object id, or without authentication an address.

    The Functions host sets ``X-Forwarded-For`` to the address that it sees, and drops a caller's own. Behind a proxy
    this is the proxy's. What Azure's front end adds is not needed: the app does not run there without authentication.
    """
    forwarded = req.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return actor(req).object_id or forwarded or (req.client.host if req.client else "")


def context(req: Request) -> Context:
    """What the services work with on behalf of the caller."""
    return Context.of(actor(req))


def resource_key(req: Request) -> ResourceKey:
    """The resource in the path.

    Raises:
        GraphError: 400, if an id is not a GUID.
    """
    return ResourceKey(path_guid(req, "catalogId"), path_guid(req, "resourceId"))


def session_key(req: Request) -> SessionKey:
    """The session in the path.

    Raises:
        GraphError: 400, if an id is not a GUID.
    """
    return SessionKey(resource_key(req), path_guid(req, "sessionId"))


def grant_key(req: Request) -> GrantKey:
    """The scope (a catalog or a resource) and the principal in the path of a grant.

    Raises:
        GraphError: 400, if an id is not a GUID.
    """
    resource_id = path_guid(req, "resourceId") if "resourceId" in req.path_params else None
    return GrantKey(path_guid(req, "catalogId"), resource_id, path_guid(req, "principalId"))


def path_guid(req: Request, name: str) -> str:
    """An id in the path, in lower case. Only GUIDs become part of storage keys and blob names.

    Raises:
        GraphError: 400.
    """
    text: str = req.path_params[name]
    guid = parse_guid(text)
    if guid is None and text.startswith("$"):
        # An OData segment such as $count, which has a route of its own for other methods.
        raise no_route(req)
    if guid is None:
        raise GraphError(
            INVALID_PARAMETER,
            f"'{name}' in the path must be a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11.",
            target=name,
        )
    return guid


def raw_path(req: Request) -> str:
    """The path as it was sent, without decoding."""
    raw: bytes | None = req.scope.get("raw_path")
    return quote(req.url.path) if raw is None else raw.decode("latin-1")


def dialect(req: Request) -> Dialect:
    """The version of Graph in the path of the request."""
    prefix: PathPrefix = req.state.prefix
    return prefix.dialect


def parse_options(req: Request) -> Query:
    """The query options of a request, checked against the operation's contract.

    Raises:
        GraphError: 400 with the name of an option that is not supported or not valid.
    """
    contract: Contract = req.state.contract
    return parse_query(req.query_params.multi_items(), capabilities=contract.capabilities, allowed=contract.options)


def no_route(req: Request) -> GraphError:
    """The error for a request that no function serves: 405 with ``Allow`` if the path exists, else 404."""
    allowed = allowed_methods(raw_path(req))
    if allowed:
        return GraphError(
            METHOD_NOT_ALLOWED,
            f"This path does not support {req.method}. Supported: {', '.join(allowed)}.",
            headers={"Allow": ", ".join(allowed)},
        )
    of_same_version = (prefix for prefix in RESOURCE_PREFIXES if raw_path(req).lower().startswith(f"/{prefix.dialect}"))
    template = next(of_same_version, RESOURCE_PREFIXES[0]).template
    return GraphError(UNKNOWN_PATH, f"This path does not exist. The path of upload sessions is /{template}/{SESSIONS}.")


def check_single_fields(headers: Headers) -> None:
    """Check that fields with one value have one (RFC 9110, section 5.3): whose would the other be?

    The Functions host joins several lines into one, with a comma.

    Raises:
        GraphError: 400.
    """
    for name in _SINGLE_FIELDS:
        lines = headers.getlist(name)
        if len(lines) > 1 or (name == "content-type" and len(parse_http_list(lines[0] if lines else "")) > 1):
            raise GraphError(INVALID_REQUEST, f"The header {name.title()} may occur once, with one value.")


def conditions(req: Request) -> Conditions:
    """The conditions in the headers ``If-Match`` and ``If-None-Match``."""
    parsed: Conditions = req.state.conditions
    return parsed


def prefers(req: Request, preference: str) -> bool:
    """Whether the header ``Prefer`` (RFC 7240, section 2) has a preference: without a value, or with ``true``.

    Of several with the same name, the first counts.
    """
    for each in parse_http_list(",".join(req.headers.getlist("prefer"))):
        found = _PREFERENCE.fullmatch(each)
        if found is not None and found[1].lower() == preference:
            return (found[2] or "").strip('"').lower() in ("", "true")
    return False
