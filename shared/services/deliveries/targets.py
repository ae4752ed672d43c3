"""One attempt at a delivery, for each kind of target: brings the stored data and the target's client together."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp

from shared.core.errors import GraphError
from shared.core.ids import format_instant, utc_now
from shared.core.settings import Settings
from shared.domain.deliveries import DeliveryError, Target
from shared.domain.events import Event, EventType
from shared.domain.lifecycle import idle_deadline, status_at
from shared.domain.plausibility import ALLOW_CHANGE
from shared.domain.sessions import SessionKey, Snapshot, Status, StoredFile
from shared.identity.outgoing import token_for
from shared.services.context import Context
from shared.services.deliveries.claims import Claim
from shared.services.deliveries.turns import heeding, wait_for_turn
from shared.services.sessions.reading import get_snapshot
from shared.storage.azure.blobs import READ_BYTES
from shared.storage.azure.table import NewerFormatError
from shared.targets.addresses import PublicResolver
from shared.targets.cloud_events import secret_key
from shared.targets.forward import forward
from shared.targets.graph_client import GraphClient
from shared.targets.pauses import GoneError
from shared.targets.webhook import EventSender, event_grid_scope
from shared.telemetry.outgoing_calls import outgoing_calls

_ROWS_MISSING = (
    "Rows of the session are missing in this service's storage. Restore them, and have the session delivered again."
)

# How long a receiver's answer to the handshake holds: one that does not want events any more refuses them as well.
_CONSENT = timedelta(hours=1)


async def forward_session(context: Context, claim: Claim) -> None:
    """Forward a complete session.

    Raises:
        AzureError: storage failed.
        ConcurrentChangeError: the delivery changed meanwhile.
        DeliveryError: the target did not accept it, or it must not be forwarded.
    """
    stored, config, key = context.storage, context.settings, claim.delivery.key
    snapshot, description = await asyncio.gather(_snapshot(context, key), stored.descriptions.get(key.resource))
    session, files = snapshot
    _check(snapshot, config)
    target = None if description is None else description.target
    if target is None and config.forward_resources == "listed":
        raise DeliveryError(
            "The description of the resource has no property upstream any more (UPLOADS_FORWARD_RESOURCES).", final=True
        )

    began = 0

    async def read(file: StoredFile) -> AsyncIterator[bytes]:
        nonlocal began
        # The second file is begun when the first has arrived.
        claim.progressed = began > 0
        began += 1
        rows = file.as_rows
        return await stored.blobs.read(key, file.blobs[-1], first=0, length=rows.size, block_bytes=READ_BYTES)

    async def allows_change() -> bool:
        return await stored.audit.completed_with(key) == ALLOW_CHANGE

    resource = target or key.resource
    traces = [outgoing_calls(Target.GRAPH)]
    async with heeding(context, Target.GRAPH), aiohttp.ClientSession(trace_configs=traces) as http:
        client = GraphClient(http, str(config.forward_url), resource, token_for(config.forward_scope, config))
        await forward(
            client,
            session,
            [file.as_rows for file in files],
            target_id=claim.delivery.target_id,
            remember=claim.remember,
            read=read,
            allows_change=allows_change,
        )


async def _snapshot(context: Context, key: SessionKey) -> Snapshot:
    """The session with all of its files.

    Raises:
        DeliveryError: it is not there, or not whole.
    """
    try:
        return await get_snapshot(context, key)
    except NewerFormatError:
        raise
    except GraphError as error:
        raise DeliveryError(_ROWS_MISSING, final=error.problem.status != 503) from error


def _check(snapshot: Snapshot, config: Settings) -> None:
    """Check that a session is complete, and may be forwarded.

    Raises:
        DeliveryError: it is not.
    """
    session, files = snapshot
    # The removal of files changes the session's row with them, so that these still belong together.
    if session.files_removed is not None:
        raise DeliveryError("The session's files have been removed after their retention time.", final=True)
    if session.status is not Status.COMPLETE:
        raise DeliveryError(_ROWS_MISSING, final=True)
    if not files:
        raise DeliveryError("The session was completed without any file: there is nothing to forward.", final=True)
    foreign = sorted({file.layout or "unknown" for file in files} - config.forward_layouts)
    if foreign:
        raise DeliveryError(
            f"The session has files with the columns of the layout '{foreign[0]}', which the target does not accept "
            "(UPLOADS_FORWARD_LAYOUTS).",
            final=True,
        )


async def send_events(context: Context, claim: Claim) -> None:
    """Send the events of a session that wait, in their order. Each one is removed when it was sent.

    Raises:
        AzureError: storage failed.
        DeliveryError: the receiver did not accept one.
    """
    config, stored, notes = context.settings, context.storage.deliveries, context.storage.target_notes
    url, secret, target = str(config.events_url), config.events_secret, claim.delivery.target
    scope = event_grid_scope(url)
    note, events = await asyncio.gather(notes.get(target), stored.events(claim.delivery.key))
    if note.gone:
        raise GoneError
    connector = aiohttp.TCPConnector(resolver=PublicResolver(config.events_allowed_hosts))
    traces = [outgoing_calls(Target.EVENTS)]
    async with heeding(context, target), aiohttp.ClientSession(connector=connector, trace_configs=traces) as http:
        sender = EventSender(
            http,
            url,
            base_url=config.base_url,
            key=None if secret is None else secret_key(secret.get_secret_value()),
            get_token=None if scope is None else token_for(scope, config),
            allowed_hosts=config.events_allowed_hosts,
        )
        if scope is None and note.agreed_until <= utc_now():
            await notes.agree(target, utc_now() + _CONSENT, per_minute := await sender.ask())
        else:
            per_minute = note.per_minute
        for event in events:
            if await _is_true(context, event):
                if per_minute is not None:
                    await wait_for_turn(context, target)
                await sender.send(event)
            await stored.remove_event(event)
            claim.progressed = True


async def _is_true(context: Context, event: Event) -> bool:
    """Whether an event still tells the truth: not a warning, if the session is over or has more time meanwhile."""
    if event.type is not EventType.EXPIRING:
        return True
    session, idle = await context.storage.sessions.session(event.key), context.settings.idle
    if session is None or status_at(session, utc_now(), idle) is not Status.ACTIVE:
        return False
    return format_instant(idle_deadline(session, idle)) == event.data["expirationDateTime"]
