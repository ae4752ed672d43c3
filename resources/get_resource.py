"""GET uploads/resources/{catalogId}/{resourceId}: the name of a resource, and what its files should hold."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import ResourceEntity
from shared.models.serializers import resource_json
from shared.services.resources import descriptions
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, resource_key
from shared.web.response import json_response
from shared.web.routes import RESOURCE, UPLOADS_PREFIXES
from shared.web.urls import metadata_url

blueprint = func.Blueprint()


@operation(blueprint, "GET", RESOURCE, Contract(ResourceEntity), prefixes=UPLOADS_PREFIXES)
async def get_resource(req: Request) -> Response:
    """Read the description of a resource: 200; 404 if it has none."""
    key = resource_key(req)
    parse_options(req)
    description = await descriptions.get_resource(context(req), key)
    described = metadata_url(req, "uploads/resources/$entity")
    return json_response({"@odata.context": described, **resource_json(key, description)})
