"""The timer function: expires idle sessions, deletes what is no longer needed, and looks at deliveries that wait."""

import azure.functions as func

from shared.core.settings import settings
from shared.services.context import Context
from shared.services.deliveries.attempts import wake_due
from shared.services.sessions.expiry import expire_due
from shared.telemetry.spans import function_span

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule=settings().expiry_schedule)
async def expire_sessions(timer: func.TimerRequest) -> None:
    """Process every session that is due. After a missed tick the next one catches up."""
    async with function_span("expire_sessions"):
        context = Context.of()
        try:
            await expire_due(context)
        finally:
            if context.settings.has_targets:
                await wake_due(context)
