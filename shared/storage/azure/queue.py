"""The queue whose messages wake the function that delivers. A message is only a hint: the rows say what is due."""

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from shared.core.settings import Settings
from shared.domain.sessions import ResourceKey, SessionKey
from shared.storage.azure.connections import connect

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

# A message that is not read in this time is not needed: the timer has looked by then.
_KEEP_SECONDS = 24 * 3600
_LONGEST_DELAY = timedelta(days=6)


class DeliveryQueue:
    """The messages that wake the function. Where nothing is handed on, no queue is made."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._service: QueueServiceClient | None = None
        self._queue: QueueClient | None = None
        if settings.has_targets:
            # Imported here, since it is needed only where something is delivered.
            from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415
            from azure.storage.queue.aio import QueueServiceClient as Service  # noqa: PLC0415

            self._service = connect(Service, settings, settings.queue_endpoint)
            # Base64 is what the Functions host reads unless host.json says otherwise.
            self._queue = self._service.get_queue_client(name, message_encode_policy=TextBase64EncodePolicy())

    async def create_queue(self) -> None:
        """Make the queue unless it is there."""
        if self._queue is not None:
            try:
                await self._queue.create_queue()
            except ResourceExistsError:
                return

    async def wake(self, key: SessionKey, delay: timedelta = timedelta()) -> None:
        """Have the function look at a session, after a while if ``delay`` says so.

        Raises:
            AzureError: storage failed.
        """
        if self._queue is None:
            return
        seconds = min(max(delay, timedelta()), _LONGEST_DELAY).total_seconds()
        # Rather a second too late: a message that comes too early finds nothing to do.
        hidden = math.ceil(seconds) + 1 if seconds else 0
        options = {"visibility_timeout": hidden, "time_to_live": hidden + _KEEP_SECONDS}
        try:
            await self._queue.send_message(message_text(key), **options)
        except ResourceNotFoundError:
            # Like a table, it is created by the first call that misses it.
            await self.create_queue()
            await self._queue.send_message(message_text(key), **options)

    async def close(self) -> None:
        """Close the connections."""
        if self._service is not None:
            await self._service.close()


def message_text(key: SessionKey) -> str:
    """A message: which session to look at."""
    return json.dumps(
        {"catalogId": key.resource.catalog_id, "resourceId": key.resource.resource_id, "sessionId": key.session_id}
    )


def session_of_message(text: str) -> SessionKey:
    """The session that a message names."""
    content = json.loads(text)
    return SessionKey(ResourceKey(content["catalogId"], content["resourceId"]), content["sessionId"])
