"""Forwarding a session to another instance, against a plain copy of its blob into the other storage account.

The attempt is made here, as the queue's message makes it in the service, so that the time until the message is read,
which is the host's, does not count. The target checks the file and takes its digest; a plain copy does neither.
"""

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import aiohttp
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobClient, ContainerClient

from bench.access_file import read, slices
from bench.processes import MEGABYTE, Plan, Sample
from bench.raw import BLOCK_BYTES
from shared.core.ids import utc_now
from shared.core.settings import Settings
from shared.domain.deliveries import DeliveryState, Target
from shared.domain.sessions import ResourceKey, Review, SessionKey, StoredFile
from shared.services.context import Context
from shared.services.deliveries.attempts import deliver_due, deliveries_of
from shared.services.deliveries.redelivering import redeliver
from shared.storage.account import Storage
from shared.storage.azure.connections import Names
from shared.storage.azure.queue import Message
from shared.targets.graph_client import GraphClient

_AT_A_TIME = 4


async def forward_row(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of a complete session with one large file."""
    path = Path(plan.file)
    data = read(path, slices(path, plan.size)[0])
    config = Settings.model_validate(
        {"storage": plan.storage, "forward_url": f"{plan.target}/v1.0", "forward_scope": "none"}
    )
    store = Storage.connect(config)
    context = Context(store, config)
    container = ContainerClient.from_connection_string(
        plan.target_storage, "bench", max_single_put_size=BLOCK_BYTES, max_block_size=BLOCK_BYTES
    )
    try:
        async with container:
            with suppress(ResourceExistsError):
                await container.create_container()
            for number in range(plan.rounds + 1):
                key = await _complete_session(plan.service, data)
                await redeliver(context, key, Target.GRAPH)
                began = time.perf_counter()
                await deliver_due(context, Message(key))
                taken = time.perf_counter() - began
                (delivery,) = await deliveries_of(context, key)
                if delivery.state is not DeliveryState.DELIVERED:
                    raise RuntimeError(f"not forwarded: {delivery.last_error}")
                (file,) = await store.sessions.files(key)
                blob = f"{key.resource.catalog_id}/{key.resource.resource_id}/{key.session_id}/{file.id}"
                source = BlobClient.from_connection_string(
                    plan.storage, Names.prefixed("").uploads, blob, max_single_get_size=BLOCK_BYTES
                )
                async with source:
                    copied = await _copied(source, container)
                if number:
                    yield len(data) / MEGABYTE / taken, len(data) / MEGABYTE / copied
    finally:
        await store.close()


async def _copied(source: BlobClient, target: ContainerClient) -> float:
    """The seconds that a copy takes: what is downloaded is uploaded while the next of it is downloaded."""
    began = time.perf_counter()
    download = await source.download_blob()

    # The SDK takes its own chunks for an ordinary iterator, which they are not.
    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in download.chunks():
            yield chunk

    copy = target.get_blob_client(str(uuid4()))
    await copy.upload_blob(chunks(), length=download.size, max_concurrency=_AT_A_TIME)
    return time.perf_counter() - began


async def _complete_session(service: str, data: bytes) -> SessionKey:
    resource = ResourceKey(str(uuid4()), str(uuid4()))
    review = Review(str(uuid4()), str(uuid4()))

    async def content() -> AsyncIterator[bytes]:
        for at in range(0, len(data), BLOCK_BYTES):
            yield data[at : at + BLOCK_BYTES]

    async def no_token() -> None:
        return None

    async with aiohttp.ClientSession() as http:
        client = GraphClient(http, f"{service}/v1.0", resource, no_token)
        session_id = (await client.create(review)).id
        file = StoredFile("", "access.csv", len(data), "", 0, None, 0, utc_now())
        await client.upload(session_id, file, content())
        await client.complete(await client.read(session_id))
    return SessionKey(resource, session_id)
