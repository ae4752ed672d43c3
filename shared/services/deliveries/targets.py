"""One attempt at a delivery, for each kind of target: brings the stored data and the target's client together."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import aiohttp

from shared.core.settings import Settings
from shared.domain.deliveries import DeliveryError, Target
from shared.domain.sessions import Session, Status, StoredFile
from shared.identity.outgoing import token_for
from shared.services.context import Context
from shared.services.deliveries.claims import Claim
from shared.targets.addresses import PublicResolver
from shared.targets.cloud_events import secret_key
from shared.targets.forward import forward
from shared.targets.graph_client import GraphClient
from shared.targets.webhook import EVENT_GRID_SCOPE, EventSender, is_event_grid
from shared.telemetry.outgoing_calls import outgoing_calls


async def forward_session(context: Context, claim: Claim) -> None:
    """Forward a complete session.

    Raises:
        AzureError: storage failed.
        ConcurrentChangeError: the delivery changed meanwhile.
        DeliveryError: the target did not accept it, or it must not be forwarded.
    """
    stored, config, key = context.storage, context.settings, claim.delivery.key
    session, files, description = await asyncio.gather(
        stored.sessions.session(key), stored.sessions.files(key), stored.descriptions.get(key.resource)
    )
    whole = _checked(session, files, config)
    target = None if description is None else description.target
    if target is None and config.forward_resources == "listed":
        raise DeliveryError(
            "The description of the resource has no property upstream any more (UPLOADS_FORWARD_RESOURCES).", final=True
        )

    async def read(file: StoredFile) -> AsyncIterator[bytes]:
        return await stored.blobs.read(key, file.id)

    resource = target or key.resource
    async with aiohttp.ClientSession(trace_configs=[outgoing_calls(Target.GRAPH)]) as http:
        client = GraphClient(http, str(config.forward_url), resource, token_for(config.forward_scope, config))
        target_id = claim.delivery.target_id
        await forward(client, whole, files, target_id=target_id, remember=claim.remember, read=read)


def _checked(session: Session | None, files: Sequence[StoredFile], config: Settings) -> Session:
    """The session, if it is complete, has all of its files, and may be forwarded.

    Raises:
        DeliveryError: it is not.
    """
    # The removal of files changes the session's stats with them, so that these would still agree.
    if session is not None and session.files_removed is not None:
        raise DeliveryError("The session's files have been removed after their retention time.", final=True)
    if session is None or session.status is not Status.COMPLETE or len(files) != session.files_uploaded:
        raise DeliveryError(
            "Rows of the session are missing in this service's storage. Restore them, and have the session delivered "
            "again.",
            final=True,
        )
    if not files:
        raise DeliveryError("The session was completed without any file: there is nothing to forward.", final=True)
    foreign = sorted({file.layout or "unknown" for file in files} - config.forward_layouts)
    if foreign:
        raise DeliveryError(
            f"The session has files with the columns of the layout '{foreign[0]}', which the target does not accept "
            "(UPLOADS_FORWARD_LAYOUTS).",
            final=True,
        )
    return session


async def send_events(context: Context, claim: Claim) -> None:
    """Send the events of a session that wait, in their order. Each one is removed when it was sent.

    Raises:
        AzureError: storage failed.
        DeliveryError: the receiver did not accept one.
    """
    config, stored = context.settings, context.storage.deliveries
    secret = config.events_secret
    connector = aiohttp.TCPConnector(resolver=PublicResolver(config.events_allowed_hosts))
    async with aiohttp.ClientSession(connector=connector, trace_configs=[outgoing_calls(Target.EVENTS)]) as http:
        sender = EventSender(
            http,
            str(config.events_url),
            base_url=config.base_url,
            key=None if secret is None else secret_key(secret.get_secret_value()),
            get_token=token_for(EVENT_GRID_SCOPE, config) if is_event_grid(str(config.events_url)) else None,
            allowed_hosts=config.events_allowed_hosts,
        )
        for event in await stored.events(claim.delivery.key):
            await sender.send(event)
            await stored.remove_event(event)
