"""The timers that the app declares, fired on their schedule."""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from azure.functions.timer import TimerRequest
from croniter import croniter

_log = logging.getLogger("local.host.timers")


class Timer:
    """A timer-triggered function. As in Azure, it never runs twice at the same time."""

    def __init__(self, name: str, parameter: str, schedule: str, function: Callable[..., Awaitable[None]]) -> None:
        """Declare a timer.

        Args:
            name: the function's.
            parameter: the name by which the function takes the timer.
            schedule: an NCRONTAB expression of six fields, seconds first; ``%NAME%`` stands for a setting.
            function: the function to call.
        """
        self.name = name
        self._parameter = parameter
        self._schedule = re.sub(r"%(\w+)%", lambda setting: os.environ[setting[1]], schedule)
        self._function = function
        self._running = asyncio.Lock()

    async def fire(self) -> None:
        """Run it now, or as soon as a run in progress has ended."""
        async with self._running:
            await self._function(**{self._parameter: TimerRequest()})

    async def keep_schedule(self) -> None:
        """Run it at each scheduled time, until cancelled. A failed run does not stop the next one."""
        while True:
            now = datetime.now(UTC)
            due = croniter(self._schedule, now, second_at_beginning=True).get_next(datetime)
            await asyncio.sleep((due - now).total_seconds())
            try:
                await self.fire()
            except Exception:  # noqa: BLE001  # whatever it is
                _log.exception("timer %s failed", self.name)
