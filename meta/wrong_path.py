"""The catch-all routes: paths with keys in parentheses, and errors for unknown paths and unsupported methods.

The Functions host tries routes in the order of the functions' names (``shared/web/routes.py``): the names of these must
come after those of all other functions under the versions.
"""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.dialects import Dialect
from shared.web.endpoint import endpoint
from shared.web.request import no_route, raw_path
from shared.web.routes import find_parenthesized

blueprint = func.Blueprint()

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


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


for dialect in Dialect:
    name = f"wrong_path_{dialect.name.lower()}"
    blueprint.function_name(name)(blueprint.route(route=f"{dialect}/{{*path}}", methods=METHODS)(any_path))
