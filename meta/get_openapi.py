"""GET uploads/openapi: the OpenAPI document of this version of the API.

Not at /openapi.json, which belongs to the Functions worker.
"""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.parameters import dialect, parse_options
from shared.web.responses import json_response
from shared.web.routes import OPENAPI, UPLOADS_FAMILIES
from shared.web.urls import base_url

blueprint = func.Blueprint()

CONTRACT = Contract(need=Need.IDENTITY)


@operation(blueprint, "GET", OPENAPI, CONTRACT, families=UPLOADS_FAMILIES)
async def get_openapi(req: Request) -> Response:
    """Describe what this version serves: 200 with an OpenAPI document (3.1)."""
    # Imported here, since few ask for it.
    from shared.web.openapi import openapi  # noqa: PLC0415

    parse_options(req)
    return json_response(openapi(dialect(req), base_url(req)))
