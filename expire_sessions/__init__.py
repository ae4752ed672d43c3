"""The timer: expires what nobody finishes, and removes what is left behind."""

import azure.functions as func

from shared.core.settings import settings
from shared.services.expiry import Expiry
from shared.storage.account import storage

blueprint = func.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule=settings().expiry_schedule)
async def expire_sessions(timer: func.TimerRequest) -> None:
    """Settle every session whose time has come. A tick that was lost is made good by the next one."""
    await Expiry(await storage(), settings()).tick()
