"""PUT uploads/grants/...: let somebody read or own one catalog, or one resource."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.audit import Activity, new_record
from shared.domain.callers import Grant, Need
from shared.models.requests import GRANT_BODY, parse_grant
from shared.models.responses import GrantEntity
from shared.models.serializers import grant_json
from shared.storage.account import storage
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.parameters import actor, grant_key, parse_options
from shared.web.request_body import read_json
from shared.web.responses import json_response
from shared.web.routes import CATALOG_GRANT, RESOURCE_GRANT, UPLOADS_FAMILIES
from shared.web.urls import metadata_url

blueprint = func.Blueprint()

CONTRACT = Contract(GrantEntity, body=GRANT_BODY, need=Need.GRANTS)


@operation(blueprint, "PUT", CATALOG_GRANT, CONTRACT, suffix="_of_catalog", families=UPLOADS_FAMILIES)
@operation(blueprint, "PUT", RESOURCE_GRANT, CONTRACT, families=UPLOADS_FAMILIES)
async def put_grant(req: Request) -> Response:
    """Give a principal a role: 200 with the grant, which replaces the one that it has there."""
    key = grant_key(req)
    parse_options(req)
    grant = Grant(key, parse_grant(await read_json(req)))
    record = new_record(Activity.PUT_GRANT, key, actor(req), principalId=key.principal_id, role=grant.role.value)
    await (await storage()).grants.put(grant, record)
    return json_response({"@odata.context": metadata_url(req, "uploads/grants/$entity"), **grant_json(grant)})
