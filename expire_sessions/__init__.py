"""The timer function: expires idle sessions, deletes what is no longer needed, and looks at deliveries that wait."""

import azure.functions as func

from shared.core.settings import settings
from shared.services.deliveries import Deliveries
from shared.services.expiry import Expiry
from shared.storage.account import storage
from shared.telemetry.spans import function_span

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule=settings().expiry_schedule)
async def expire_sessions(timer: func.TimerRequest) -> None:
    """Process every session that is due. After a missed tick the next one catches up."""
    with function_span("expire_sessions"):
        store = storage()
        await Expiry(store, settings()).tick()
        if settings().has_targets:
            await Deliveries(store, settings()).sweep()
