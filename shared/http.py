"""What every handler shares: routes, request ids, answers, and the one wrapper that makes errors of exceptions.

Importing ``azurefunctions.extensions.http.fastapi`` turns HTTP streams on for the whole app: handlers get Starlette's
request, whose body comes in as it arrives, instead of one that holds it whole.
"""

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, wraps
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import azure.functions as func
import azurefunctions.extensions.http.fastapi  # noqa: F401
from azure.core.exceptions import AzureError
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from shared.access import check_grant, denied
from shared.audit import Actor
from shared.auth import authenticate
from shared.callers import NOBODY_ASKED, GrantKey, Need
from shared.contract import Contract
from shared.errors import (
    INTERNAL,
    INVALID_PARAMETER,
    INVALID_REQUEST,
    METHOD_NOT_ALLOWED,
    SESSION_NOT_FOUND,
    STORAGE_UNAVAILABLE,
    UNKNOWN_PATH,
    GraphError,
)
from shared.ids import parse_guid
from shared.lifecycle import ResourceKey, SessionKey, session_not_found
from shared.limits import RequestLimit, check_size
from shared.log import log_defect, log_request, log_storage_fault
from shared.models import Dialect
from shared.odata import Query, parse_query
from shared.routes import FAMILIES, PathFamily, Served, allowed_methods, register
from shared.settings import settings

Handler = Callable[[Request], Awaitable[Response]]

_CLIENT_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,128}")


def operation(
    blueprint: func.Blueprint,
    method: str,
    path: str,
    contract: Contract,
    *,
    suffix: str = "",
    families: Sequence[PathFamily] = FAMILIES,
) -> Callable[[Handler], Handler]:
    """Register a handler as one function for each way to name a resource: ``get_session``, ``get_session_beta``, ...

    Args:
        blueprint: the operation's own.
        method: the HTTP method.
        path: the template behind the resource, one of ``shared.routes``.
        contract: what it takes and answers.
        suffix: what tells a second path of the same handler apart in the functions' names.
        families: what the template stands behind.
    """
    need = contract.need or (Need.READ if method == "GET" else Need.WRITE)

    def decorate(handler: Handler) -> Handler:
        for family in families:
            route = f"{family.root}/{path}"
            name = f"{handler.__name__}{suffix}{family.suffix}"
            served = endpoint(handler, need, family, contract)
            register(route, method, Served(name, served, family.dialect, need, contract))
            blueprint.function_name(name)(blueprint.route(route=route, methods=[method])(served))
        return handler

    return decorate


def endpoint(
    handler: Handler, need: Need, family: PathFamily | None = None, contract: Contract | None = None
) -> Handler:
    """Wrap a handler so that only those get in who may, and that whatever happens in it becomes an answer.

    In the Functions worker an exception that leaves a handler becomes a bare text, and a cancellation hangs the client.
    """

    @wraps(handler)
    async def answer(req: Request) -> Response:
        started = time.perf_counter()
        request_id = str(uuid4())
        asked_id = req.headers.get("client-request-id", "")
        client_request_id = asked_id if _CLIENT_REQUEST_ID.fullmatch(asked_id) else request_id
        req.state.family = family
        req.state.contract = contract
        req.state.actor = Actor(request_id=request_id)
        req.state.received = 0
        try:
            await _admit(req, need)
            response = await handler(req)
        except BaseException as exception:  # noqa: BLE001  # a CancelledError must become an answer, too
            error = _as_graph_error(exception, request_id)
            response = json_answer(
                error.body(request_id=request_id, client_request_id=client_request_id),
                status=error.problem.status,
                headers=error.headers,
            )
        response.headers["request-id"] = request_id
        response.headers["client-request-id"] = client_request_id
        log_request(req, handler.__name__, response.status_code, time.perf_counter() - started)
        return response

    return answer


async def _admit(req: Request, need: Need) -> None:
    """Find out who calls, note it in ``req.state.actor``, and go on only if they may.

    Who may see nothing of a resource gets the very answer that an unknown session gets.

    Raises:
        GraphError: 401, 403, 404, 429, or 503 if nobody can tell now.
    """
    check_size(raw_path(req), req.scope["query_string"], req.headers.raw)
    # Before anything is changed, since its answer will have links.
    base_url(req)
    caller = await authenticate(req.headers)
    req.state.actor = replace(actor(req), caller=caller)
    if caller is not NOBODY_ASKED:
        _request_limit().take(caller.object_id)
    if caller.may(need):
        return
    if need in (Need.GRANTS, Need.AUDIT):
        raise denied(need)
    resource = resource_key(req)
    if "sessionId" in req.path_params:
        hidden = session_not_found(session_key(req))
    else:
        hidden = GraphError(SESSION_NOT_FOUND, "There are no upload sessions for this resource that you may see.")
    await check_grant(caller, need, resource, hidden)


@cache
def _request_limit() -> RequestLimit:
    return RequestLimit(settings().requests_per_minute)


def _as_graph_error(exception: BaseException, request_id: str) -> GraphError:
    """The answer that fits an exception; what a caller need not know goes to the log only."""
    if isinstance(exception, GraphError):
        return exception
    if isinstance(exception, ClientDisconnect):
        # Nobody reads this, but the log shall not say that the service failed.
        return GraphError(INVALID_REQUEST, "The request was cut off before its end.")
    if isinstance(exception, AzureError):
        log_storage_fault(exception, request_id)
        return GraphError(
            STORAGE_UNAVAILABLE,
            "Storage does not answer as it should. Nothing is half done: repeat the request.",
            headers={"Retry-After": "5"},
        )
    log_defect(exception, request_id)
    return GraphError(INTERNAL, "Something went wrong inside the service. The request id leads to it in the log.")


# What handlers read from a request


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
    return parse_query(req.query_params.multi_items(), entity=contract.entity, allowed=contract.options)


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


# What handlers answer


def base_url(req: Request) -> str:
    """The base of every link: a setting, or what Azure says of itself; locally, where the request came in.

    Raises:
        GraphError: 400, if none of them is.
    """
    configured = settings().base_url
    if configured is None and req.url.hostname not in ("127.0.0.1", "localhost"):
        # Whoever calls may write any Host, and would have it in the links that others are given.
        raise GraphError(
            INVALID_REQUEST, "This service does not know its own address: UPLOADS_PUBLIC_URL has to be set."
        )
    return configured or str(req.base_url).rstrip("/")


def resource_url(req: Request) -> str:
    """The resource's own URL, by the way that the caller took to it."""
    family: PathFamily = req.state.family
    key = resource_key(req)
    return f"{base_url(req)}/{family.root.format(catalogId=key.catalog_id, resourceId=key.resource_id)}"


def next_link(req: Request, query: Query, option: str, value: str) -> str:
    """An ``@odata.nextLink``: absolute, with every parameter of the request, and the one that leads on."""
    parameters = [(name, text) for name, text in query.options if name.lower() != option]
    return f"{base_url(req)}{quote(req.url.path)}?{urlencode([*parameters, (option, value)], quote_via=quote)}"


def metadata_url(req: Request, fragment: str) -> str:
    """An ``@odata.context``."""
    family: PathFamily = req.state.family
    return f"{base_url(req)}/{family.dialect}/$metadata#{fragment}"


def sessions_context(req: Request, key: ResourceKey) -> str:
    """The ``@odata.context`` of a resource's upload sessions; that of one of them ends in ``/$entity``."""
    family: PathFamily = req.state.family
    return metadata_url(req, f"{family.context.format(key.catalog_id, key.resource_id)}/uploadSessions")


def json_answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status_code=status, headers=dict(headers or {}), media_type="application/json")
