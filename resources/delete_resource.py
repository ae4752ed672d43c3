"""DELETE uploads/resources/{catalogId}/{resourceId}: remove the name of a resource; its sessions stay."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.services.resources import descriptions
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, resource_key
from shared.web.routes import RESOURCE, UPLOADS_PREFIXES

blueprint = func.Blueprint()

CONTRACT = Contract(status=204, media_type=None, need=Need.WRITE_TENANT)


@operation(blueprint, "DELETE", RESOURCE, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def delete_resource(req: Request) -> Response:
    """Remove the description of a resource: 204; 404 if it has none. Sessions and grants stay as they are."""
    key = resource_key(req)
    parse_options(req)
    await descriptions.delete_resource(context(req), key)
    return Response(status_code=204)
