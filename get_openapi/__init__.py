"""GET uploads/openapi: the OpenAPI document of this version of the API.

Not at /openapi.json, which belongs to the Functions worker.
"""

import azure.functions as func
from fastapi import Request, Response

from shared.callers import Need
from shared.contract import Contract
from shared.http import json_answer, operation
from shared.links import base_url
from shared.request import dialect, parse_options
from shared.routes import OPENAPI, UPLOADS_FAMILIES

blueprint = func.Blueprint()

CONTRACT = Contract(need=Need.IDENTITY)


@operation(blueprint, "GET", OPENAPI, CONTRACT, families=UPLOADS_FAMILIES)
async def get_openapi(req: Request) -> Response:
    """Describe what this version serves: 200 with an OpenAPI document (3.1)."""
    # Imported here, since few ask for it.
    from shared.openapi import openapi  # noqa: PLC0415

    parse_options(req)
    return json_answer(openapi(dialect(req), base_url(req)))
