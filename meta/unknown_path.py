"""Everything else under the versions: keys in brackets; unknown paths and wrong methods in the API's error shape."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.dialects import Dialect
from shared.web.endpoint import endpoint
from shared.web.parameters import raw_path, unserved
from shared.web.routes import find_keyed

blueprint = func.Blueprint()

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


async def unknown_path(req: Request) -> Response:
    """Answer 405 with ``Allow`` where the path exists, else 404.

    The host itself answers 404 for both, with no body. A catch-all at the very root would be a trap: it would swallow
    paths that the Functions worker keeps for itself. Strangers get 401 here as everywhere.
    """
    raise unserved(req)


unknown = endpoint(unknown_path, Need.IDENTITY)


async def any_path(req: Request) -> Response:
    """Serve ``uploadSessions('{id}')`` as ``uploadSessions/{id}``, by the function that serves that."""
    found = find_keyed(req.method, raw_path(req))
    if found is None:
        return await unknown(req)
    serve, req.scope["path_params"] = found
    return await serve(req)


for dialect in Dialect:
    name = f"unknown_path_{dialect.name.lower()}"
    blueprint.function_name(name)(blueprint.route(route=f"{dialect}/{{*path}}", methods=METHODS)(any_path))
