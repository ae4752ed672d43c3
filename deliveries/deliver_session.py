"""The queue trigger: delivers what waits for a session when a message names the session."""

import azure.functions as func

from shared.core.settings import settings
from shared.services.context import Context
from shared.services.deliveries.attempts import deliver_due
from shared.storage.azure.connections import Names
from shared.storage.azure.queue import session_of_message
from shared.telemetry.spans import function_span

blueprint = func.Blueprint()


async def deliver_session(message: func.QueueMessage) -> None:
    """Make an attempt at what is due of one session. A message may be lost or come twice: the rows say what is due."""
    with function_span("deliver_session"):
        await deliver_due(Context.of(), session_of_message(message.get_body().decode()))


# Without a target there is no queue to wait at, and no cost.
if settings().has_targets:
    _trigger = blueprint.queue_trigger(
        arg_name="message",
        queue_name=Names.prefixed(settings().name_prefix).deliveries,
        connection=settings().storage_connection,
    )
    _trigger(deliver_session)
