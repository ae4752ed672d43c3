"""The service itself: its OpenAPI document, its health, and the responses for paths that do not exist."""

import azure.functions as func
from fastapi import Request, Response

from shared.core.settings import settings
from shared.core.version import VERSION
from shared.domain.callers import Need
from shared.models.dialects import Dialect
from shared.services.health import health
from shared.web.contracts import Contract
from shared.web.endpoint import endpoint, open_operation, operation
from shared.web.request import dialect, no_route, parse_options, raw_path
from shared.web.response import json_response
from shared.web.routes import UPLOADS_PREFIXES, find_parenthesized

blueprint = func.Blueprint()


# Not /openapi.json: the Functions worker uses that path itself.
@operation(blueprint, "GET", "openapi", Contract(need=Need.IDENTITY), prefixes=UPLOADS_PREFIXES)
async def get_openapi(req: Request) -> Response:
    """Get the OpenAPI document (3.1) of this version of the API."""
    # Imported here because most processes never need it.
    from shared.web.openapi import openapi  # noqa: PLC0415

    parse_options(req)
    return json_response(openapi(dialect(req), settings().base_url))


@open_operation(blueprint, "uploads/health")
async def get_health(req: Request) -> Response:
    """200 with the version when storage answers; 503 in Graph's error shape when it does not.

    For load balancers, availability tests and the smoke test. Outside the versions, and open in every mode of
    authentication: a probe has no token, and the answer holds no secret.
    """
    del req
    await health().check()
    return json_response({"status": "healthy", "version": VERSION})


async def wrong_path(req: Request) -> Response:
    """Respond with 405 and ``Allow`` if the path exists, else with 404.

    The Functions host would respond to both with 404 and no body. The catch-all routes are under the versions: one at
    the root would take requests away from paths that the Functions worker serves itself.
    """
    raise no_route(req)


refuse = endpoint(wrong_path, Need.IDENTITY)


async def any_path(req: Request) -> Response:
    """Serve ``uploadSessions('{id}')`` with the function for ``uploadSessions/{id}``."""
    found = find_parenthesized(req.method, raw_path(req))
    if found is None:
        return await refuse(req)
    handler, req.scope["path_params"] = found
    return await handler(req)


for _root, _name, _handler in (
    *((version.value, version.name.lower(), any_path) for version in Dialect),
    ("uploads", "uploads", endpoint(wrong_path, Need.NONE)),
):
    # The host tries routes in the order of names (shared/web/routes.py): these come after all others.
    _named = blueprint.function_name(f"wrong_path_{_name}")
    # All methods that the host passes on.
    _methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    _named(blueprint.route(route=f"{_root}/{{*path}}", methods=_methods)(_handler))
