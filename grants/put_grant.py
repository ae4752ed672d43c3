"""PUT uploads/grants/...: gives a principal a role for a catalog or a resource."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Grant, Need
from shared.models.requests import GRANT_BODY, parse_grant
from shared.models.responses import GrantEntity
from shared.models.serializers import grant_json
from shared.services.resources import grants
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, grant_key, parse_options
from shared.web.request_body import read_json
from shared.web.response import json_response
from shared.web.routes import CATALOG_GRANT, RESOURCE_GRANT, UPLOADS_PREFIXES
from shared.web.urls import metadata_url

blueprint = func.Blueprint()

CONTRACT = Contract(GrantEntity, body=GRANT_BODY, need=Need.WRITE_TENANT)


@operation(blueprint, "PUT", CATALOG_GRANT, CONTRACT, suffix="_of_catalog", prefixes=UPLOADS_PREFIXES)
@operation(blueprint, "PUT", RESOURCE_GRANT, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def put_grant(req: Request) -> Response:
    """Give a principal a role for a catalog or a resource. The grant replaces an existing one."""
    key = grant_key(req)
    parse_options(req)
    grant = Grant(key, parse_grant(await read_json(req)))
    await grants.put_grant(context(req), grant)
    return json_response({"@odata.context": metadata_url(req, "uploads/grants/$entity"), **grant_json(grant)})
