"""The queue whose messages wake the function that delivers. A message is only a hint: the rows say what is due."""

import json
import math
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from shared.core.ids import format_instant, utc_now
from shared.core.optional import briefly
from shared.core.settings import Settings
from shared.domain.sessions import ResourceKey, SessionKey
from shared.storage.azure.connections import connect

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

# A message that is not read in this time is not needed: the timer has looked by then.
_KEEP_SECONDS = 24 * 3600

# One retry at once, for a connection that storage has closed. The SDK's own policy is 20 and 60 seconds, four times.
_CALL_OPTIONS: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 5,
    "retry_total": 1,
    "initial_backoff": 0.1,
    "random_jitter_range": 0,
}


class Message(NamedTuple):
    """Which session to look at. ``due`` is the moment for which the message was sent, by the clock of its sender.

    When the message arrives, that moment has come, whatever the clock of its receiver says.
    """

    key: SessionKey
    due: datetime | None = None


class DeliveryQueue:
    """The messages that wake the function. Nothing is connected, imported or made before the first of them."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._service: QueueServiceClient | None = None
        self._queue: QueueClient | None = None

    async def wake(self, key: SessionKey, at: datetime | None = None) -> bool:
        """Have the function look at a session, now or ``at`` a time. Returns whether the message is in the queue.

        It never raises, and takes no longer than ``OPTIONAL_SECONDS``: without a message the timer does it later.
        """
        return await briefly(self._send(key, at), f"session {key.session_id} waits for the timer to be delivered")

    async def close(self) -> None:
        """Close the connections."""
        if self._service is not None:
            await self._service.close()

    async def _send(self, key: SessionKey, at: datetime | None) -> None:
        now = utc_now()
        due = max(at or now, now)
        # Rather a second too late than too early.
        hidden = math.ceil((due - now).total_seconds()) + 1 if due > now else 0
        options = {"visibility_timeout": hidden, "time_to_live": hidden + _KEEP_SECONDS}
        queue, text = self._connected(), message_text(Message(key, due))
        try:
            await queue.send_message(text, **options)
        except ResourceNotFoundError:
            # Like a table, it is created by the first call that misses it.
            with suppress(ResourceExistsError):
                await queue.create_queue()
            await queue.send_message(text, **options)

    def _connected(self) -> "QueueClient":
        if self._queue is None:
            # Imported here, since it is needed only where something is delivered.
            from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415
            from azure.storage.queue.aio import QueueServiceClient as Service  # noqa: PLC0415

            self._service = connect(Service, self._settings, self._settings.queue_endpoint, **_CALL_OPTIONS)
            # Base64 is what the Functions host reads unless host.json says otherwise.
            self._queue = self._service.get_queue_client(self._name, message_encode_policy=TextBase64EncodePolicy())
        return self._queue


def message_text(message: Message) -> str:
    """A message as it is in the queue."""
    resource, session_id = message.key
    content = {"catalogId": resource.catalog_id, "resourceId": resource.resource_id, "sessionId": session_id}
    return json.dumps(content if message.due is None else content | {"due": format_instant(message.due)})


def message_of(text: str) -> Message:
    """A message of the queue. One of an older version of the app has no time."""
    content = json.loads(text)
    key = SessionKey(ResourceKey(content["catalogId"], content["resourceId"]), content["sessionId"])
    return Message(key, datetime.fromisoformat(content["due"]) if "due" in content else None)
