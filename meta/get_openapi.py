"""GET uploads/openapi: the OpenAPI document of this version of the API.

Its path is not /openapi.json because the Functions worker uses that path itself.
"""

import azure.functions as func
from fastapi import Request, Response

from shared.core.settings import settings
from shared.domain.callers import Need
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import dialect, parse_options
from shared.web.response import json_response
from shared.web.routes import UPLOADS_PREFIXES

blueprint = func.Blueprint()

CONTRACT = Contract(need=Need.IDENTITY)


@operation(blueprint, "GET", "openapi", CONTRACT, prefixes=UPLOADS_PREFIXES)
async def get_openapi(req: Request) -> Response:
    """Get the OpenAPI document (3.1) of this version of the API."""
    # Imported here because most processes never need it.
    from shared.web.openapi import openapi  # noqa: PLC0415

    parse_options(req)
    return json_response(openapi(dialect(req), settings().base_url))
