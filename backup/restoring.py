"""Writes a backup into an empty account; the timer would delete nothing of it after an interruption.

Index rows come first, then blobs, then rows, each partition in transactions. Every session gets an index row that is
due at once: the timer visits it and writes what is right for it.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from hashlib import file_digest
from itertools import groupby
from typing import Any, NamedTuple

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from backup.copying import Tell
from backup.folder import BackupError, CopiedBlob, Folder, Row, line
from check.account import visible_of
from shared.core.ids import utc_now
from shared.core.settings import Settings
from shared.domain.sessions import ResourceKey, SessionKey
from shared.services.changes import gather_all
from shared.storage.account import Storage
from shared.storage.azure.connections import Names, connect
from shared.storage.azure.table import MAX_TRANSACTION, connect_tables
from shared.storage.indexes.due_sessions import DueSession

# A transaction has 4 MiB at most ("Performing entity group transactions", Azure Storage), in a wordier notation.
_TRANSACTION_BYTES = 1024 * 1024

_AT_A_TIME = 8


class Restored(NamedTuple):
    """What was written."""

    rows: int
    blobs: int
    sessions: int


async def restore(config: Settings, folder: Folder, tell: Tell, *, again: bool) -> Restored:
    """Write the backup of a folder into the account of the settings.

    Args:
        config: the settings.
        folder: of the backup.
        tell: is told how far it is.
        again: the account has a part of this backup, of a restoration that was interrupted.

    Raises:
        BackupError: there is no backup, a blob of it has other bytes, or the account is not empty.
        AzureError: storage failed. Repeat it with ``again``.
    """
    folder.about()
    names, rows, sessions = Names.prefixed(config.name_prefix), 0, 0
    async with AsyncExitStack() as closing:
        account = Storage.connect(config)
        closing.push_async_callback(account.close)
        tables = await closing.enter_async_context(connect_tables(config))
        service = await closing.enter_async_context(connect(BlobServiceClient, config, config.blob_endpoint))
        container = service.get_container_client(names.uploads)
        if not again:
            await _check_empty(tables, container, names)
        for row in folder.rows("sessions"):
            sessions += await _index_session(account, row)
        for row in folder.rows("grants"):
            if (visible := visible_of(row)) is not None:
                await account.access.put(visible.principal, visible.catalog, visible.resource)
        blobs = await _put_blobs(container, folder, tell)
        for name in ("callers", "activity", "grants", "sessions"):
            rows += await _put_rows(tables, getattr(names, name), folder.rows(name))
            tell(f"{blobs} files, {rows} rows")
    return Restored(rows, blobs, sessions)


async def _check_empty(tables: TableServiceClient, container: ContainerClient, names: Names) -> None:
    found = []
    for name in names.tables:
        try:
            async for _ in tables.get_table_client(name).query_entities("", results_per_page=1):
                found.append(f"table {name}")
                break
        except ResourceNotFoundError:
            continue
    with suppress(ResourceNotFoundError):
        async for _ in container.list_blobs(results_per_page=1):
            found.append(f"container {names.uploads}")
            break
    if found:
        raise BackupError(
            f"The account {container.account_name} is not empty ({', '.join(found)}). Restore into a new account, with "
            "the app stopped; or, if a restoration of this backup was interrupted, repeat it with --again."
        )


async def _index_session(account: Storage, row: Row) -> int:
    """Make the timer look at what a row is about; gives whether it is a session's."""
    catalog, _, resource = row["PartitionKey"].partition("_")
    kind, _, key = row["RowKey"].partition(":")
    if kind == "session":
        await account.due_expiries.put(DueSession(utc_now(), SessionKey(ResourceKey(catalog, resource), key)))
        return 1
    if kind == "delivery" and row["State"] == "pending":
        session = SessionKey(ResourceKey(catalog, resource), key.split(":")[0])
        await account.due_deliveries.put(DueSession(utc_now(), session))
    return 0


async def _put_blobs(container: ContainerClient, folder: Folder, tell: Tell) -> int:
    with suppress(ResourceExistsError):
        await container.create_container()
    limit, done = asyncio.Semaphore(_AT_A_TIME), 0

    async def put(blob: CopiedBlob) -> None:
        nonlocal done
        async with limit:
            await _put_blob(container, folder, blob)
        done += 1
        if done % 100 == 0:
            tell(f"{done} files")

    await gather_all(*(put(blob) for blob in folder.blobs()))
    return done


async def _put_blob(container: ContainerClient, folder: Folder, blob: CopiedBlob) -> None:
    file = folder.file(blob.name)
    try:
        with file.open("rb") as content:
            digest = await asyncio.to_thread(lambda: file_digest(content, "sha256").hexdigest())
            if digest != blob.sha256:
                raise BackupError(f"{file} was changed since the backup was made: it has another SHA-256.")
            content.seek(0)
            await container.upload_blob(blob.name, content, length=blob.size, overwrite=True)
    except FileNotFoundError:
        raise BackupError(f"{file} is missing in the backup.") from None


async def _put_rows(tables: TableServiceClient, name: str, rows: Iterable[dict[str, Any]]) -> int:
    await tables.create_table_if_not_exists(name)
    table, written = tables.get_table_client(name), 0
    for _, partition in groupby(rows, key=lambda row: row["PartitionKey"]):
        for batch in _batches(partition):
            await table.submit_transaction([("upsert", row, {"mode": UpdateMode.REPLACE}) for row in batch])
            written += len(batch)
    return written


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows of a partition in transactions."""
    batch, size = list[dict[str, Any]](), 0
    for row in rows:
        length = len(line(row))
        if batch and (len(batch) == MAX_TRANSACTION or size + length > _TRANSACTION_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch
