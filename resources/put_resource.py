"""PUT uploads/resources/{catalogId}/{resourceId}: give a resource a name, and say what its files should hold."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.requests import RESOURCE_BODY, parse_resource
from shared.models.responses import ResourceEntity
from shared.models.serializers import resource_json
from shared.services.resources import descriptions
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, resource_key
from shared.web.request_body import read_json
from shared.web.response import json_response
from shared.web.routes import RESOURCE, UPLOADS_PREFIXES
from shared.web.urls import metadata_url

blueprint = func.Blueprint()

CONTRACT = Contract(ResourceEntity, body=RESOURCE_BODY, need=Need.WRITE_TENANT)


@operation(blueprint, "PUT", RESOURCE, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def put_resource(req: Request) -> Response:
    """Describe a resource: 200 with the description, which replaces the one that is there."""
    key = resource_key(req)
    parse_options(req)
    description = parse_resource(await read_json(req))
    await descriptions.put_resource(context(req), key, description)
    described = metadata_url(req, "uploads/resources/$entity")
    return json_response({"@odata.context": described, **resource_json(key, description)})
