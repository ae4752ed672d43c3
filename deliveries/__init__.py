"""Deliveries of complete sessions: the queue trigger that delivers, and the operation that tries again at once."""

import azure.functions as func
from fastapi import Request, Response

from shared.core.settings import settings
from shared.models.requests import REDELIVER_BODY, parse_redeliver
from shared.models.responses import DeliveryEntity
from shared.models.serializers import delivery_json
from shared.services.context import Context
from shared.services.deliveries.attempts import deliver_due
from shared.services.deliveries.redelivering import redeliver
from shared.storage.azure.connections import Names
from shared.storage.azure.queue import message_of
from shared.telemetry.spans import function_span
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.request_body import read_json
from shared.web.response import json_response
from shared.web.routes import SESSION
from shared.web.urls import metadata_url

blueprint = func.Blueprint()


async def deliver_session(message: func.QueueMessage) -> None:
    """Make an attempt at what is due of one session. A message may be lost or come twice: the rows say what is due."""
    async with function_span("deliver_session"):
        await deliver_due(Context.of(), message_of(message.get_body().decode()))


# Without a target there is no queue to wait at, and no cost.
if settings().has_targets:
    _trigger = blueprint.queue_trigger(
        arg_name="message",
        queue_name=Names.prefixed(settings().name_prefix).deliveries,
        connection=settings().storage_connection,
    )
    _trigger(deliver_session)


@operation(blueprint, "POST", f"{SESSION}/redeliver", Contract(DeliveryEntity, 202, body=REDELIVER_BODY))
async def redeliver_session(req: Request) -> Response:
    """Try a delivery again at once, whatever its state: 202. 404 if the session has no delivery to this target."""
    key = session_key(req)
    parse_options(req)
    target = parse_redeliver(await read_json(req))
    delivery = await redeliver(context(req), key, target)
    described = metadata_url(req, "uploads/deliveries/$entity")
    return json_response({"@odata.context": described, **delivery_json(delivery)}, status=202)
