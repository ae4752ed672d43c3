"""POST uploadSessions/{id}/redeliver: try the delivery of a complete session again, at once. Not in Graph."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.requests import REDELIVER_BODY, parse_redeliver
from shared.models.responses import DeliveryEntity
from shared.models.serializers import delivery_json
from shared.services.deliveries.redelivering import redeliver
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.request_body import read_json
from shared.web.response import json_response
from shared.web.routes import SESSION
from shared.web.urls import metadata_url

blueprint = func.Blueprint()


@operation(blueprint, "POST", f"{SESSION}/redeliver", Contract(DeliveryEntity, 202, body=REDELIVER_BODY))
async def redeliver_session(req: Request) -> Response:
    """Try a delivery again at once, whatever became of it: 202. 404 if the session has no delivery to this target."""
    key = session_key(req)
    parse_options(req)
    target = parse_redeliver(await read_json(req))
    delivery = await redeliver(context(req), key, target)
    described = metadata_url(req, "uploads/deliveries/$entity")
    return json_response({"@odata.context": described, **delivery_json(delivery)}, status=202)
