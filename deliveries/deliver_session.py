"""The queue trigger: delivers what waits for a session when a message names the session."""

import azure.functions as func

from shared.core.settings import settings
from shared.services.deliveries import Deliveries
from shared.storage.account import storage
from shared.storage.delivery_queue import session_of_message
from shared.storage.names import Names
from shared.telemetry.spans import function_span

blueprint = func.Blueprint()


async def deliver_session(message: func.QueueMessage) -> None:
    """Make an attempt at what is due of one session. A message may be lost or come twice: the rows say what is due."""
    with function_span("deliver_session"):
        await Deliveries(storage(), settings()).deliver(session_of_message(message.get_body().decode()))


# Without a target there is no queue to wait at, and no cost.
if settings().has_targets:
    _trigger = blueprint.queue_trigger(
        arg_name="message",
        queue_name=Names.prefixed(settings().name_prefix).deliveries,
        connection=settings().storage_connection,
    )
    _trigger(deliver_session)
