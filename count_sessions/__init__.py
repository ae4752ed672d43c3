"""GET uploadSessions/$count: how many upload sessions a resource has, as plain text."""

import azure.functions as func
from fastapi import Request, Response

from shared import listing
from shared.contract import Contract
from shared.http import operation
from shared.request import actor, parse_options, resource_key
from shared.routes import SESSION_COUNT
from shared.sessions import sessions

blueprint = func.Blueprint()


@operation(blueprint, "GET", SESSION_COUNT, Contract(media_type="text/plain", options=("$filter",)))
async def count_sessions(req: Request) -> Response:
    """Count a resource's upload sessions: bare digits, since that is what Graph's clients parse."""
    resource = resource_key(req)
    query = parse_options(req)
    return Response(
        str(await listing.count_sessions(await sessions(actor(req)), resource, query)), media_type="text/plain"
    )
