"""DELETE uploads/grants/...: revokes a grant."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.services.resources import grants
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, grant_key, parse_options
from shared.web.routes import CATALOG_GRANT, RESOURCE_GRANT, UPLOADS_PREFIXES

blueprint = func.Blueprint()

CONTRACT = Contract(status=204, media_type=None, need=Need.WRITE_TENANT)


@operation(blueprint, "DELETE", CATALOG_GRANT, CONTRACT, suffix="_of_catalog", prefixes=UPLOADS_PREFIXES)
@operation(blueprint, "DELETE", RESOURCE_GRANT, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def delete_grant(req: Request) -> Response:
    """Revoke a grant. It no longer applies from the next request on."""
    key = grant_key(req)
    parse_options(req)
    await grants.delete_grant(context(req), key)
    return Response(status_code=204)
