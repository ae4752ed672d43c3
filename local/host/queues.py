"""The queue triggers that the app declares, served as the Functions host serves them.

The options are those of ``host.json`` ("Azure Queue storage trigger and bindings for Azure Functions").
"""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ServiceRequestError, ServiceResponseError
from azure.functions.queue import QueueMessage
from azure.storage.queue import TextBase64DecodePolicy, TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

# The pause between two looks grows while the queue is empty.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0
# A message is hidden for this long while a function works on it.
_HIDDEN_SECONDS = 600

_log = logging.getLogger("local.host.queues")


class QueueTrigger:
    """A queue-triggered function."""

    def __init__(
        self, name: str, trigger: Any, function: Callable[..., Awaitable[None]], options: Mapping[str, Any]
    ) -> None:
        """Declare a queue trigger.

        Args:
            name: the function's.
            trigger: as the function's decorator made it; ``%NAME%`` in the queue's name stands for a setting.
            function: the function to call.
            options: ``extensions.queues`` of host.json.
        """
        self._name = name
        self._parameter = str(trigger.name)
        self._queue = re.sub(r"%(\w+)%", lambda setting: os.environ[setting[1]], str(trigger.queue_name))
        self._connection = str(trigger.connection)
        self._function = function
        self._at_once = int(options["batchSize"])
        self._max_dequeue_count = int(options["maxDequeueCount"])
        hours, minutes, seconds = map(int, options["visibilityTimeout"].split(":"))
        self._retry_seconds = hours * 3600 + minutes * 60 + seconds
        self._running: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Call the function for each message, until cancelled."""
        pause = _FIRST_PAUSE
        async with self._client(self._queue) as queue, asyncio.TaskGroup() as group:
            while True:
                try:
                    found = await self._take(queue, group)
                    pause = _FIRST_PAUSE if found else min(_LONGEST_PAUSE, pause * 2)
                except AzureError as error:
                    _log.warning("queue %s: %s", self._queue, type(error).__name__)
                    pause = _LONGEST_PAUSE
                await asyncio.sleep(pause)

    async def _take(self, queue: QueueClient, group: asyncio.TaskGroup) -> bool:
        """Handle the messages that are there, some at a time; returns whether there were any."""
        await _create(queue)
        found = False
        async for message in queue.receive_messages(visibility_timeout=_HIDDEN_SECONDS):
            found = True
            task = group.create_task(self._handle(queue, message))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            while len(self._running) >= self._at_once:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return found

    async def _handle(self, queue: QueueClient, message: Any) -> None:
        try:
            try:
                await self._function(**{self._parameter: QueueMessage(id=message.id, body=message.content.encode())})
            except (ServiceRequestError, ServiceResponseError) as error:
                _log.warning("%s did not reach storage: %s", self._name, type(error).__name__)
                await self._fail(queue, message)
            except Exception:  # noqa: BLE001  # whatever it is, the message is handled again
                _log.exception("%s failed", self._name)
                await self._fail(queue, message)
            else:
                await queue.delete_message(message)
        except AzureError as error:
            _log.warning("queue %s: %s", self._queue, type(error).__name__)

    async def _fail(self, queue: QueueClient, message: Any) -> None:
        if message.dequeue_count < self._max_dequeue_count:
            await queue.update_message(message, visibility_timeout=self._retry_seconds)
            return
        async with self._client(f"{self._queue}-poison") as poison:
            await _create(poison)
            await poison.send_message(message.content)
        await queue.delete_message(message)

    def _client(self, queue: str) -> QueueClient:
        return QueueClient.from_connection_string(
            os.environ[self._connection],
            queue,
            message_encode_policy=TextBase64EncodePolicy(),
            message_decode_policy=TextBase64DecodePolicy(),
        )


async def _create(queue: QueueClient) -> None:
    with suppress(ResourceExistsError):
        await queue.create_queue()
