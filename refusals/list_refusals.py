"""GET uploadSessions/{id}/refusals: the files that were refused and have not been replaced."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import RefusalCollection
from shared.models.serializers import refusal_json
from shared.services.uploads import refusals
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.response import collection_response
from shared.web.routes import REFUSALS
from shared.web.urls import page_annotations, sessions_context

blueprint = func.Blueprint()


@operation(blueprint, "GET", REFUSALS, Contract(RefusalCollection))
async def list_refusals(req: Request) -> Response:
    """List a session's open refusals: 200 with all of them, since a session has at most as many as files."""
    key = session_key(req)
    query = parse_options(req)
    found = await refusals.list_refusals(context(req), key)
    described = f"{sessions_context(req, key.resource)}('{key.session_id}')/refusals"
    annotations = page_annotations(req, query, described, end=None)
    return await collection_response(annotations, map(refusal_json, found))
