"""GET uploadSessions/$count: the number of upload sessions of a resource, as plain text."""

import azure.functions as func
from fastapi import Request, Response

from shared.services.sessions import listing
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, resource_key
from shared.web.routes import SESSIONS

blueprint = func.Blueprint()


@operation(blueprint, "GET", f"{SESSIONS}/$count", Contract(media_type="text/plain", options=("$filter",)))
async def count_sessions(req: Request) -> Response:
    """Count the upload sessions of a resource. The response has digits only, as Graph's clients expect."""
    resource = resource_key(req)
    query = parse_options(req)
    count = await listing.count_sessions(context(req), resource, query)
    return Response(str(count), media_type="text/plain")
