"""What every handler shares: its routes, request ids, and the one wrapper that makes errors of exceptions.

Importing ``azurefunctions.extensions.http.fastapi`` turns HTTP streams on for the whole app: handlers get Starlette's
request, whose body comes in as it arrives, instead of one that holds it whole.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import cache, wraps
from uuid import uuid4

import azure.functions as func
import azurefunctions.extensions.http.fastapi  # noqa: F401
from azure.core.exceptions import AzureError
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from shared.core.errors import INTERNAL, INVALID_REQUEST, SESSION_NOT_FOUND, STORAGE_UNAVAILABLE, GraphError
from shared.core.settings import settings
from shared.domain.audit import Actor
from shared.domain.callers import ANONYMOUS, Need
from shared.domain.lifecycle import session_not_found
from shared.identity.authentication import authenticate
from shared.identity.authorization import check_grant, denied
from shared.web.contracts import Contract
from shared.web.limits import RequestLimit, check_size
from shared.web.log import log_defect, log_request, log_storage_fault
from shared.web.parameters import actor, raw_path, resource_key, session_key
from shared.web.responses import json_response
from shared.web.routes import FAMILIES, PathFamily, RegisteredRoute, register
from shared.web.urls import base_url

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
        path: the template behind the resource, one of ``shared.web.routes``.
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
            register(route, method, RegisteredRoute(name, served, family.dialect, need, contract))
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
            response = json_response(
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
        GraphError: 400, 401, 403, 404, 429, or 503 if nobody can tell now.
    """
    if need is Need.NONE:
        check_size(raw_path(req), req.scope["query_string"], req.headers.raw)
        return
    caller = await authenticate(req.headers)
    req.state.actor = replace(actor(req), caller=caller)
    check_size(raw_path(req), req.scope["query_string"], req.headers.raw)
    # Before anything is changed, since its answer will have links.
    base_url(req)
    if caller is not ANONYMOUS:
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
