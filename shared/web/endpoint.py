"""The wrapper of every handler: registers its functions, authorizes requests, and turns exceptions into responses.

Importing ``azurefunctions.extensions.http.fastapi`` enables HTTP streams for the whole app: handlers get Starlette's
request, which streams the body, instead of a request that holds the whole body in memory.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, wraps
from uuid import uuid4

import azure.functions as func
import azurefunctions.extensions.http.fastapi  # noqa: F401
from azure.core.exceptions import AzureError
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from shared.core.errors import (
    ACCESS_DENIED,
    INTERNAL,
    INVALID_REQUEST,
    QUERY_TOO_LONG,
    SESSION_NOT_FOUND,
    STORAGE_UNAVAILABLE,
    GraphError,
)
from shared.core.settings import settings
from shared.domain.audit import Actor
from shared.domain.callers import ANONYMOUS, REQUIRED, RIGHTS, Caller, Need
from shared.domain.etags import Conditions
from shared.domain.lifecycle import session_not_found
from shared.identity.authentication import authenticate
from shared.identity.cross_site import SAFE_METHODS, check_origin
from shared.storage.azure.table import QUERY_SECONDS, QueryTooLongError
from shared.telemetry.spans import end_request, request_span
from shared.web.contracts import Contract
from shared.web.download import Download
from shared.web.limits import RequestLimit, check_head_size
from shared.web.log import log_defect, log_request, log_storage_fault
from shared.web.request import actor, check_single_fields, context, limited_caller, raw_path, resource_key, session_key
from shared.web.request_body import received_whole
from shared.web.response import json_response
from shared.web.routes import RESOURCE_PREFIXES, HttpFunction, PathPrefix, register

Handler = Callable[[Request], Awaitable[Response]]

# RFC 9110, section 9.1: what supports GET supports HEAD.
_GET = ["GET", "HEAD"]

_CLIENT_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,128}")


def operation(
    blueprint: func.Blueprint,
    method: str,
    path: str,
    contract: Contract,
    *,
    suffix: str = "",
    prefixes: Sequence[PathPrefix] = RESOURCE_PREFIXES,
) -> Callable[[Handler], Handler]:
    """Register a handler as one function for each path prefix: ``get_session``, ``get_session_beta``, ...

    Args:
        blueprint: the blueprint of the operation's module.
        method: the HTTP method.
        path: the path template after the prefix.
        contract: the contract of the operation.
        suffix: distinguishes the function names of a second path of the same handler.
        prefixes: the path prefixes.
    """
    need = contract.need or (Need.READ if method == "GET" else Need.WRITE)
    methods = _GET if method == "GET" else [method]

    def decorate(handler: Handler) -> Handler:
        for prefix in prefixes:
            route = f"{prefix.template}/{path}"
            name = f"{handler.__name__}{suffix}{prefix.suffix}"
            wrapped = endpoint(handler, need, prefix, contract)
            for each in methods:
                register(route, each, HttpFunction(name, wrapped, prefix.dialect, need, contract))
            blueprint.function_name(name)(blueprint.route(route=route, methods=methods)(wrapped))
        return handler

    return decorate


def open_operation(blueprint: func.Blueprint, route: str) -> Callable[[Handler], Handler]:
    """Register a handler of GET outside the versions, which everyone may call: it holds no data of anybody."""

    def decorate(handler: Handler) -> Handler:
        wrapped = endpoint(handler, Need.NONE)
        for method in _GET:
            register(route, method, HttpFunction(handler.__name__, wrapped, None, Need.NONE, Contract()))
        blueprint.route(route=route, methods=_GET)(wrapped)
        return handler

    return decorate


def endpoint(
    handler: Handler, need: Need, prefix: PathPrefix | None = None, contract: Contract | None = None
) -> Handler:
    """Wrap a handler: authorize the request first, and turn every exception into an error response.

    In the Functions worker, an exception that leaves a handler becomes a plain text response, and a cancellation leaves
    the client without a response.
    """

    @wraps(handler)
    async def respond(req: Request) -> Response:
        started = time.perf_counter()
        request_id = str(uuid4())
        sent_id = req.headers.get("client-request-id", "")
        client_request_id = sent_id if _CLIENT_REQUEST_ID.fullmatch(sent_id) else request_id
        req.state.prefix = prefix
        req.state.contract = contract
        req.state.actor = Actor(request_id=request_id)
        req.state.received = 0
        req.state.body_at_end = False
        failure = None
        with request_span(handler.__name__) as span:
            try:
                check_single_fields(req.headers)
                await _authorize(req, need)
                response = await _conditional(req, handler, contract)
                if isinstance(response, Download) and req.method == "GET":
                    await response.begin(req)
            except BaseException as exception:  # noqa: BLE001  # a CancelledError must become a response, too
                error = _as_graph_error(exception, request_id)
                failure = error.problem.inner_code
                response = json_response(
                    error.body(request_id=request_id, client_request_id=client_request_id),
                    status=error.problem.status,
                    headers=error.headers,
                )
            if not await received_whole(req):
                response.headers["Connection"] = "close"
        response.headers["request-id"] = request_id
        response.headers["client-request-id"] = client_request_id
        # Access data stays in no cache on the way, and is not taken for a page (RFC 9111, section 5.2.2.5).
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if req.method == "HEAD":
            response = _without_body(response)

        # Not the response: a download that is never sent must end with the last reference to it, and not be its own.
        status = response.status_code

        def ended(cut: str | None, sent: int) -> None:
            seconds = time.perf_counter() - started
            received, name = req.state.received, handler.__name__
            end_request(span, name, request_id, status, failure or cut, received=received, sent=sent, seconds=seconds)
            log_request(req, name, status, seconds, sent=sent, cut=cut)

        if isinstance(response, Download):
            response.ended = ended
        else:
            ended(None, len(response.body))
        return response

    return respond


async def _conditional(req: Request, handler: Handler, contract: Contract | None) -> Response:
    """Call the handler under the conditions of the request (RFC 9110, section 13.2), which none may ignore.

    A change of a resource with an ETag checks them itself, when it has read the resource. A resource without an ETag
    exists, and matches no ETag.

    Raises:
        GraphError: 400, 412; and what the handler raises.
    """
    conditions = Conditions.parse(req.headers.getlist("if-match"), req.headers.getlist("if-none-match"))
    req.state.conditions = conditions
    if req.method not in SAFE_METHODS:
        if contract is None or not contract.conditional:
            conditions.check("")
        return await handler(req)
    response = await handler(req)
    etag = response.headers.get("etag", "")
    Conditions(match=conditions.match).check(etag)
    if conditions.excludes(etag):
        return Response(status_code=304, headers={"ETag": etag} if etag else {})
    return response


def _without_body(response: Response) -> Response:
    """The response to HEAD: the same status and headers, with the length of the body that GET would have had."""
    head = Response(status_code=response.status_code)
    head.raw_headers = response.raw_headers
    return head


async def _authorize(req: Request, need: Need) -> None:
    """Authenticate the caller, store the caller in ``req.state.actor``, and check the permission.

    A caller without any permission for a resource gets the same response as for an unknown session.

    Raises:
        GraphError: 400, 401, 403, 404, 429; 503 if the caller cannot be authenticated now.
    """
    if need is Need.NONE:
        check_head_size(raw_path(req), req.scope["query_string"], req.headers.raw)
        return
    caller = await authenticate(req.headers)
    req.state.actor = actor(req)._replace(caller=caller)
    check_head_size(raw_path(req), req.scope["query_string"], req.headers.raw)
    if caller is ANONYMOUS:
        check_origin(req.method, req.headers, settings().base_url)
    _request_limit().take(limited_caller(req))
    if caller.may(need):
        return
    if need in (Need.WRITE_TENANT, Need.READ_TENANT):
        raise _denied(need)
    if "sessionId" in req.path_params:
        hidden = session_not_found(session_key(req))
    else:
        hidden = GraphError(SESSION_NOT_FOUND, "There are no upload sessions that you can read for this resource.")
    await _check_grant(req, caller, need, hidden)


async def _check_grant(req: Request, caller: Caller, need: Need, hidden: GraphError) -> None:
    """Check that the caller has a grant for the resource.

    Args:
        req: the request, whose path names the resource.
        caller: the caller, whose permissions for the whole tenant are not sufficient.
        need: the permission that the operation requires.
        hidden: the error for a caller without any grant; it must not reveal whether the resource has sessions.

    Raises:
        GraphError: ``hidden``, or 403 if the caller can read this resource but lacks the permission.
    """
    enough = RIGHTS[need]
    right = await context(req).storage.grants.right(resource_key(req), caller, enough=enough)
    if right is not None and right >= enough:
        return
    if right is None and not caller.may(Need.READ):
        raise hidden
    raise _denied(need)


def _denied(need: Need) -> GraphError:
    """The error for an authenticated caller without the permission (RFC 6750, section 3.1)."""
    lacking = REQUIRED[need]
    alternative = {
        Need.READ: ", or a grant for this resource or its catalog",
        Need.WRITE: ", or the role owner for this resource or its catalog",
        Need.DECLARE: ", or the role owner, with mayDeclare, for this resource or its catalog",
    }.get(need, "")
    return GraphError(
        ACCESS_DENIED,
        f"This operation requires the permission {lacking}{alternative}.",
        headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{lacking}"'},
    )


@cache
def _request_limit() -> RequestLimit:
    return RequestLimit(settings().requests_per_minute)


def _as_graph_error(exception: BaseException, request_id: str) -> GraphError:
    """The error response for an exception. Details that are not for the caller go to the log only."""
    if isinstance(exception, GraphError):
        return exception
    if isinstance(exception, ClientDisconnect):
        # The client is gone and does not read this, but the log must not report a failure of the service.
        return GraphError(INVALID_REQUEST, "The connection was closed before the end of the request.")
    if isinstance(exception, QueryTooLongError):
        log_storage_fault(exception, request_id)
        return GraphError(
            QUERY_TOO_LONG,
            f"The service gave up after {QUERY_SECONDS} seconds of reading. No change was made in part. "
            "Storage answers, but the request reads too much, or the service is busy. Ask for less, such as a smaller "
            "$top, or no $count.",
        )
    if isinstance(exception, AzureError):
        log_storage_fault(exception, request_id)
        return GraphError(
            STORAGE_UNAVAILABLE,
            "The storage account is not available. No change was made in part. Repeat the request.",
            headers={"Retry-After": "5"},
        )
    log_defect(exception, request_id)
    return GraphError(
        INTERNAL, "The service failed unexpectedly. Report the request id: it identifies the entry in the log."
    )
