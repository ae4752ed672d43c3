"""PUT uploads/grants/...: let somebody read or own one catalog, or one resource."""

import azure.functions as func
from fastapi import Request, Response

from shared.audit import Activity, new_record
from shared.bodies import read_json
from shared.callers import Grant, Need
from shared.contract import Contract
from shared.http import json_answer, operation
from shared.links import metadata_url
from shared.models import GRANT_BODY, parse_grant
from shared.representations import grant_json
from shared.request import actor, grant_key, parse_options
from shared.routes import CATALOG_GRANT, RESOURCE_GRANT, UPLOADS_FAMILIES
from shared.shapes import GrantEntity
from shared.storage import storage

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
    return json_answer({"@odata.context": metadata_url(req, "uploads/grants/$entity"), **grant_json(grant)})
