"""GET uploadSessions/$count: how many upload sessions a resource has, as plain text."""

import azure.functions as func
from fastapi import Request, Response

from shared.services import listing
from shared.services.sessions import sessions
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.parameters import actor, parse_options, resource_key
from shared.web.routes import SESSION_COUNT

blueprint = func.Blueprint()


@operation(blueprint, "GET", SESSION_COUNT, Contract(media_type="text/plain", options=("$filter",)))
async def count_sessions(req: Request) -> Response:
    """Count a resource's upload sessions: bare digits, since that is what Graph's clients parse."""
    resource = resource_key(req)
    query = parse_options(req)
    return Response(
        str(await listing.count_sessions(await sessions(actor(req)), resource, query)), media_type="text/plain"
    )
