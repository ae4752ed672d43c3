"""One attempt at a delivery, for each kind of target: brings the stored data and the target's client together."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import aiohttp

from shared.core.ids import utc_now
from shared.core.settings import Settings
from shared.delivery.addresses import PublicResolver
from shared.delivery.cloud_events import secret_key
from shared.delivery.forward import forward
from shared.delivery.graph_client import GraphClient
from shared.delivery.webhook import EVENT_GRID_SCOPE, EventSender, is_event_grid
from shared.domain.deliveries import CLAIM, Delivery, DeliveryError, Target
from shared.domain.lifecycle import StoredFile
from shared.identity.outgoing import token_for
from shared.storage.account import Storage
from shared.storage.delivery_table import DeliveryTable
from shared.telemetry.outgoing_calls import outgoing_calls


@dataclass(slots=True)
class Held:
    """A delivery that an attempt has claimed, as it was stored last."""

    table: DeliveryTable
    delivery: Delivery

    async def renew(self) -> None:
        """Hold the delivery longer.

        Raises:
            ConcurrentChangeError: it changed meanwhile.
        """
        self.delivery = await self.table.update(replace(self.delivery, claimed_until=utc_now() + CLAIM))

    async def remember(self, upstream_id: str) -> None:
        """Store the id of the target's session.

        Raises:
            ConcurrentChangeError: the delivery changed meanwhile.
        """
        self.delivery = await self.table.update(replace(self.delivery, upstream_id=upstream_id))


async def forward_session(store: Storage, config: Settings, held: Held) -> None:
    """Forward a complete session.

    Raises:
        AzureError: storage failed.
        ConcurrentChangeError: the delivery changed meanwhile.
        DeliveryError: the target did not accept it, or it must not be forwarded.
    """
    key = held.delivery.key
    session, files, description = await asyncio.gather(
        store.table.session(key), store.table.files(key), store.resources.get(key.resource)
    )
    if session is None or len(files) != session.files_uploaded:
        raise DeliveryError("The session's files have been removed after their retention time.", final=True)
    foreign = sorted({file.layout or "unknown" for file in files} - config.forward_layouts)
    if foreign:
        raise DeliveryError(
            f"The session has files with the columns of the layout '{foreign[0]}', which the target does not accept "
            "(UPLOADS_FORWARD_LAYOUTS).",
            final=True,
        )

    async def read(file: StoredFile) -> AsyncIterator[bytes]:
        return await store.blobs.read(key, file.id)

    resource = description.upstream if description and description.upstream else key.resource
    async with aiohttp.ClientSession(trace_configs=[outgoing_calls(Target.GRAPH)]) as http:
        client = GraphClient(http, str(config.forward_url), resource, token_for(config.forward_scope, config))
        upstream_id = held.delivery.upstream_id
        await forward(client, session, files, upstream_id=upstream_id, remember=held.remember, read=read)


async def send_events(store: Storage, config: Settings, held: Held) -> None:
    """Send the events of a session that wait, in their order. Each one is removed when it was sent.

    Raises:
        AzureError: storage failed.
        DeliveryError: the receiver did not accept one.
    """
    secret = config.events_secret
    connector = aiohttp.TCPConnector(resolver=PublicResolver(config.events_allowed_hosts))
    async with aiohttp.ClientSession(connector=connector, trace_configs=[outgoing_calls(Target.EVENTS)]) as http:
        sender = EventSender(
            http,
            str(config.events_url),
            base_url=config.base_url or "",
            key=None if secret is None else secret_key(secret.get_secret_value()),
            get_token=token_for(EVENT_GRID_SCOPE, config) if is_event_grid(str(config.events_url)) else None,
            allowed_hosts=config.events_allowed_hosts,
        )
        for event in await store.deliveries.events(held.delivery.key):
            await sender.send(event)
            await store.deliveries.remove_event(event)
