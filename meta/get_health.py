"""GET uploads/health: whether the service works, for load balancers, availability tests and the smoke test.

Outside the versions, and open in every mode of authentication: a probe has no token, and the answer holds no secret.
"""

import azure.functions as func
from fastapi import Request, Response

from shared.core.version import VERSION
from shared.domain.callers import Need
from shared.services.health import health
from shared.web.endpoint import endpoint
from shared.web.response import json_response

blueprint = func.Blueprint()


async def get_health(req: Request) -> Response:
    """200 with the version when storage answers; 503 in Graph's error shape when it does not."""
    await health().check()
    return json_response({"status": "healthy", "version": VERSION}, headers={"Cache-Control": "no-store"})


blueprint.route(route="uploads/health", methods=["GET"])(endpoint(get_health, Need.NONE))
