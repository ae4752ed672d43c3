"""The service in this process: what completes and delivers, with its queue, on a clock that can be moved."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from azure.core.exceptions import AzureError

from check.account import Account
from shared.core import ids, optional
from shared.core.settings import Settings
from shared.domain.deliveries import Delivery, Target
from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey, Review, SessionKey, StoredFile
from shared.services.context import Context
from shared.services.deliveries.attempts import deliver_due, wake_due
from shared.services.deliveries.redelivering import redeliver
from shared.services.sessions.completing import complete_session
from shared.services.sessions.creating import create_session
from shared.services.sessions.expiry import expire_due
from shared.services.uploads.storing import FileUpload
from shared.storage.account import Storage
from shared.storage.azure import queue
from tests.deliveries.http_faults import FaultyHttp
from tests.faults.transport import FaultyTransport
from tests.support.access_files import access_file
from tests.support.clock import Clock

# The schedule of the timer, and what the host does with a message whose function failed (host.json).
TICK = timedelta(minutes=5)
RETRY = timedelta(seconds=10)
MAX_DEQUEUE_COUNT = 5

# A test needs the message; a busy machine may take longer for it than a request waits.
_PATIENCE = 60

_TEXT = re.compile(r"<MessageText>(.*?)</MessageText>")


@dataclass(slots=True)
class Message:
    """A message in the queue, which a function may see from ``due`` on."""

    due: datetime
    sent: queue.Message
    dequeued: int = 0


@dataclass(slots=True)
class Here:
    """The service, and the means to disturb it. ``messages`` are those that the queue has stored, whatever it said."""

    config: Settings
    clock: Clock
    store: Storage
    account: Account
    calls: FaultyTransport
    http: FaultyHttp
    messages: list[Message] = field(default_factory=list)
    files: dict[SessionKey, dict[str, bytes]] = field(default_factory=dict)
    next_tick: datetime = field(default_factory=lambda: ids.utc_now() + TICK)
    expires: bool = False

    @property
    def context(self) -> Context:
        return Context(self.store, self.config)

    # What a client does

    async def active(
        self, files: Mapping[str, bytes] | None = None, *, resource: ResourceKey | None = None, reference: str = ""
    ) -> SessionKey:
        """A new session with files."""
        key = await self.empty(resource=resource, reference=reference)
        for name, content in (files or {"a.csv": access_file(), "b.csv": access_file(2)}).items():
            await self.upload(key, name, content)
        return key

    async def empty(self, *, resource: ResourceKey | None = None, reference: str = "") -> SessionKey:
        """A new session without files."""
        review = Review(str(uuid4()), reference or str(uuid4()))
        owner = resource or ResourceKey(str(uuid4()), str(uuid4()))
        return (await create_session(self.context, owner, review)).key

    async def upload(self, key: SessionKey, name: str, content: bytes) -> None:
        """Add a valid file of Graph's layout to a session."""
        now, digest, rows = ids.utc_now(), sha256(content).hexdigest(), content.count(b"\n") - 1
        new_file = FileUpload(self.context, key, Conditions())
        file = StoredFile(new_file.file_id, name, len(content), digest, rows, "graph", 0, now)
        await new_file.writer.write(content)
        await new_file.add(file, await new_file.put_blob(file))
        self.files.setdefault(key, {})[name] = content

    async def complete(self, key: SessionKey, *, allow_incomplete: bool = False) -> None:
        """PATCH isUploadDone."""
        await complete_session(self.context, key, Conditions(), allow_incomplete=allow_incomplete, allow_change=False)

    async def redeliver(self, key: SessionKey, target: Target = Target.GRAPH) -> Delivery:
        return await redeliver(self.context, key, target)

    # What the host does

    async def handle(self, message: Message) -> None:
        """Have the function handle a message; one that it fails to handle comes again, a few times."""
        message.dequeued += 1
        try:
            await deliver_due(self.context, message.sent)
        except AzureError:
            if message.dequeued < MAX_DEQUEUE_COUNT:
                self.messages.append(Message(ids.utc_now() + RETRY, message.sent, message.dequeued))

    async def deliver(self, key: SessionKey) -> None:
        """What the function does with a message that does not say for when it was sent."""
        await deliver_due(self.context, queue.Message(key))

    async def sweep(self) -> int:
        """What the timer does about deliveries."""
        return (await wake_due(self.context))["woken"]

    def take(self) -> Message | None:
        """Take the next message that is due from the queue."""
        due = [message for message in self.messages if message.due <= ids.utc_now()]
        if not due:
            return None
        first = min(due, key=lambda message: message.due)
        self.messages.remove(first)
        return first

    async def handle_due(self, *, twice: bool = False) -> None:
        """Handle every message that is due, and those that come of it at once."""
        while (message := self.take()) is not None:
            again = [Message(message.due, message.sent, MAX_DEQUEUE_COUNT)] if twice else []
            await asyncio.gather(*map(self.handle, [message, *again]))

    async def tick(self) -> None:
        """The timer: deliveries that wait, and sessions that are due where a test is about them."""
        if self.expires:
            await expire_due(self.context)
        await self.sweep()

    async def pass_time(self, span: timedelta, *, twice: bool = False) -> None:
        """Let time pass, in which messages are handled and the timer runs when their time comes."""
        end = ids.utc_now() + span
        while (now := ids.utc_now()) < end:
            await self.handle_due(twice=twice)
            if self.next_tick <= now:
                self.next_tick = now + TICK
                await self.tick()
                continue
            waits = [message.due for message in self.messages]
            self.clock.ahead += min([end, self.next_tick, *waits]) - now

    async def settle(self, *, twice: bool = False) -> None:
        """Let time pass until nothing waits any more; two days are more than enough."""
        end = ids.utc_now() + timedelta(days=2)
        while ids.utc_now() < end:
            await self.handle_due(twice=twice)
            if not self.messages and not await self.index_rows():
                return
            await self.pass_time(TICK, twice=twice)
        raise AssertionError("something waits for ever")

    # What is stored

    async def of(self, key: SessionKey, target: Target = Target.GRAPH) -> Delivery | None:
        found = await self.store.deliveries.deliveries(key)
        return next((each for each in found if each.target is target), None)

    async def state(self, key: SessionKey, target: Target = Target.GRAPH) -> str | None:
        found = await self.of(key, target)
        return None if found is None else found.state.value

    async def index_rows(self) -> list[str]:
        rows = self.store.due_deliveries._table.query("PartitionKey ge @all", {"all": "0"})
        return [row["RowKey"] async for row in rows]


@asynccontextmanager
async def running_here(storage: str, **options: Any) -> AsyncIterator[Here]:
    """The service on tables of its own, whose names begin with ``name_prefix``."""
    prefix = options.pop("name_prefix", f"d{uuid4().hex[:12]}")
    scope = {"forward_scope": "none", "public_url": "https://uploads.contoso.com", "auth": "none"}
    config = Settings(storage=storage, name_prefix=prefix, **scope | options)
    calls = FaultyTransport()
    http = FaultyHttp([str(url) for url in (config.forward_url, config.events_url) if url is not None])
    with Clock().installed() as clock, patch.object(optional, "OPTIONAL_SECONDS", _PATIENCE):
        here = Here(config, clock, Storage.connect(config), Account.connect(config), calls, http)
        calls._send = _noting(calls._send, here.messages)
        async with calls.installed(), http.installed():
            try:
                yield here
            finally:
                calls.plan = http.plan = None
                here.account.close()
                await here.store.close()


def _noting(send: Callable[..., Awaitable[Any]], messages: list[Message]) -> Callable[..., Awaitable[Any]]:
    """A ``send`` that notes the messages that the queue accepts, since their time is not that of the moved clock."""

    async def sending(transport: Any, request: Any, **options: Any) -> Any:
        answer = await send(transport, request, **options)
        parts = urlsplit(request.url)
        if request.method == "POST" and parts.path.endswith("/messages") and answer.status_code == 201:
            found = _TEXT.search(request.body if isinstance(request.body, str) else request.body.decode())
            assert found is not None
            hidden = timedelta(seconds=float(parse_qs(parts.query).get("visibilitytimeout", ["0"])[0]))
            text = base64.b64decode(found[1]).decode()
            messages.append(Message(ids.utc_now() + hidden, queue.message_of(text)))
        return answer

    return sending
