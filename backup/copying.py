"""Copies an account into a folder while the service changes it, so that every invariant holds in the copy.

What changes together lies in one partition, and each partition is copied as it was at one moment. Its blobs, which
never change, follow: if one of them was removed meanwhile, the partition is copied again. Indexes are not copied but
made anew, except for those that may have too many rows and never too few, which come last.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, TextIO

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from backup.folder import BackupError, CopiedBlob, Folder, Row, line
from shared.core.ids import format_instant, id_prefix, utc_now
from shared.core.settings import Settings
from shared.core.version import VERSION
from shared.domain.directory import DIRECTORIES
from shared.domain.sessions import rows_blob
from shared.services.changes import gather_all
from shared.storage.audit_log import DIRECTORY_PARTITION
from shared.storage.azure.blobs import MANIFEST
from shared.storage.azure.connections import Names, connect
from shared.storage.azure.table import connect_tables, etag_of
from shared.storage.directory.rows import BEGUN

# Audit records are added with the time at which they are made, and never change: older ones are read once.
_AUDIT_IS_SETTLED_AFTER = timedelta(days=1)

# How often a partition is read to find two reads that are the same, and a pause in between.
_READS = 50
_PAUSE_SECONDS = 0.2

# How often it is copied again because a blob was removed meanwhile.
_COPIES = 5

_BLOBS_AT_A_TIME = 8

# Rows that a call reads: as many as Table Storage gives.
_PAGE_ROWS = 1000
Tell = Callable[[str], None]


@dataclass(slots=True)
class Copied:
    """What a backup has: counts, by resource since when its changes are missing, and which blobs were missing."""

    rows: int = 0
    blobs: int = 0
    new_blobs: int = 0
    bytes: int = 0
    as_of: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


async def back_up(config: Settings, folder: Folder, tell: Tell) -> Copied:
    """Copy the account of the settings.

    Raises:
        BackupError: a partition changes all the time, or the folder is none for a backup.
        AzureError: storage failed; the backup that was in the folder stays.
    """
    names, copied = Names.prefixed(config.name_prefix), Copied()
    folder.begin()
    begun = format_instant(utc_now())
    async with AsyncExitStack() as closing:
        service = await closing.enter_async_context(connect_tables(config))
        blobs = await closing.enter_async_context(connect(BlobServiceClient, config, config.blob_endpoint))
        source = _Blobs(blobs.get_container_client(names.uploads), folder, copied)
        with folder.new_table("sessions") as rows, folder.new_table("blobs") as list_of_blobs:
            table = service.get_table_client(names.sessions)
            async for partition in _partitions(table):
                resource = await _copy(table, partition, source)
                copied.as_of[partition] = format_instant(resource.at)
                _write_all(resource, rows, list_of_blobs, copied)
                tell(f"{len(copied.as_of)} resources, {copied.blobs} files, {copied.bytes / 1e6:,.0f} MB")
            with folder.new_table("grants") as rows_of_catalogs:
                table = service.get_table_client(names.grants)
                async for partition in _partitions(table):
                    _write_all(await _copy(table, partition, source), rows_of_catalogs, list_of_blobs, copied)
        # Rows of these are written before what they point to, and may point to nothing.
        for name in ("callers", "activity"):
            with folder.new_table(name) as rows:
                async for row in _query(service.get_table_client(getattr(names, name)), "", {}):
                    copied.rows += _write(rows, [row])
    folder.finish(
        {
            "version": VERSION,
            "account": source.container.account_name,
            "oldest": begun,
            "asOf": copied.as_of,
            "missing": copied.missing,
        }
    )
    return copied


@dataclass(frozen=True, slots=True)
class _Moment:
    """All rows of a partition as they were at one moment."""

    at: datetime
    rows: list[Row]


async def _moment(table: TableClient, partition: str) -> _Moment:
    """Read a partition until two reads are the same: what was the same before and after a moment was so then.

    Raises:
        BackupError: there are no two such reads.
    """
    border = f"audit:{id_prefix(utc_now() - _AUDIT_IS_SETTLED_AFTER)}"
    settled = f"PartitionKey eq @partition and RowKey ge 'audit:' and RowKey lt '{border}'"
    others = f"PartitionKey eq @partition and (RowKey lt 'audit:' or RowKey ge '{border}')"
    history = [row async for row in _query(table, settled, {"partition": partition})]
    before: list[tuple[str, str]] | None = None
    at = utc_now()
    for _ in range(_READS):
        rows = [row async for row in _query(table, others, {"partition": partition})]
        seen = [(row["RowKey"], etag_of(row)) for row in rows]
        if seen == before:
            return _Moment(at, [*history, *rows])
        before, at = seen, utc_now()
        await asyncio.sleep(_PAUSE_SECONDS)
    raise BackupError(f"The partition {partition} changed during each of {_READS} reads. Run the backup again.")


@dataclass(frozen=True, slots=True)
class _Partition:
    """A partition as it was at one moment, and the blobs that belong to it."""

    at: datetime
    rows: list[Row]
    blobs: list[CopiedBlob]


async def _copy(table: TableClient, partition: str, blobs: "_Blobs") -> _Partition:
    """Copy a partition and its blobs. A blob that is missing each time is missing in the account, too: it is noted."""
    for _ in range(_COPIES):
        moment = await _moment(table, partition)
        found, needed = await _found(moment, partition, blobs)
        missing = sorted(needed - found.keys())
        if not missing:
            break
    blobs.copied.missing += missing
    # An upload of a directory that has begun does not go on in the copy.
    rows = [row for row in moment.rows if not row["RowKey"].startswith(BEGUN)]
    return _Partition(moment.at, rows, list(found.values()))


async def _found(moment: _Moment, partition: str, blobs: "_Blobs") -> tuple[dict[str, CopiedBlob], set[str]]:
    """Copy the blobs of a partition; gives them, and the names of those that its rows need."""
    if partition == DIRECTORY_PARTITION:
        current = [row["DirectoryId"] for row in moment.rows if "DirectoryId" in row]
        folders = [f"{DIRECTORIES.catalog_id}/{DIRECTORIES.resource_id}/{identifier}/" for identifier in current]
        found = {name: blob for each in folders for name, blob in (await blobs.copy(each, {}, lambda _: True)).items()}
        return found, {each for each in folders if not any(name.startswith(each) for name in found)}
    files = (row for row in moment.rows if row["RowKey"].startswith("file:"))
    prefix = partition.replace("_", "/")
    digests = {}
    for row in files:
        name = "/".join((prefix, *row["RowKey"].split(":")[1:]))
        digests[name] = row["Sha256"]
        if "RowsSha256" in row:
            digests[rows_blob(name)] = row["RowsSha256"]
    sessions = {row["RowKey"].removeprefix("session:"): row for row in moment.rows}
    if "_" not in partition:  # of a catalog, which has no blobs
        return {}, set()

    def is_wanted(name: str) -> bool:
        """A manifest only if its session is complete in the copy, too."""
        *_, session, file = name.split("/")
        row = sessions.get(session)
        return row is not None and (file != MANIFEST or (row["Status"] == "complete" and not row.get("FilesRemoved")))

    return await blobs.copy(f"{prefix}/", digests, is_wanted), set(digests)


@dataclass(frozen=True, slots=True)
class _Blobs:
    """The blobs of the account, on their way into the folder."""

    container: ContainerClient
    folder: Folder
    copied: Copied

    async def copy(
        self, prefix: str, digests: Mapping[str, str], is_wanted: Callable[[str], bool]
    ) -> dict[str, CopiedBlob]:
        """Copy those whose names begin with a prefix, and have the SHA-256 that is known of them, if one is."""
        limit, got = asyncio.Semaphore(_BLOBS_AT_A_TIME), dict[str, CopiedBlob]()

        async def copy(name: str, size: int) -> None:
            async with limit:
                blob = await self._copy_one(name, size, digests.get(name))
            if blob is not None:
                got[name] = blob

        await gather_all(*[copy(name, size) async for name, size in self._listed(prefix) if is_wanted(name)])
        return got

    async def _listed(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        try:
            async for blob in self.container.list_blobs(name_starts_with=prefix):
                yield blob.name, blob.size
        except ResourceNotFoundError:
            return

    async def _copy_one(self, name: str, size: int, expected: str | None) -> CopiedBlob | None:
        """Copy one, unless the folder has it; ``None`` if it was removed, or its bytes are not those of its row."""
        file, digest = self.folder.file(name), sha256()
        if file.exists() and file.stat().st_size == size:
            known = await asyncio.to_thread(_digest, file) if expected is None else expected
            return CopiedBlob(name, size, known)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.partial")
        try:
            download = await self.container.download_blob(name)
            with partial.open("wb") as written:
                async for chunk in download.chunks():
                    digest.update(chunk)
                    written.write(chunk)
        except ResourceNotFoundError:
            return None
        if expected not in (None, digest.hexdigest()):
            return None
        partial.replace(file)
        self.copied.new_blobs += 1
        return CopiedBlob(name, size, digest.hexdigest())


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return file_digest(content, "sha256").hexdigest()


async def _partitions(table: TableClient) -> AsyncIterator[str]:
    """The keys of all partitions, with one call for each."""
    last = ""
    while True:
        rows = table.query_entities(
            "PartitionKey gt @last", parameters={"last": last}, select=["PartitionKey"], results_per_page=1
        )
        try:
            row = await anext(aiter(rows), None)
        except ResourceNotFoundError:
            return
        if row is None:
            return
        last = str(row["PartitionKey"])
        yield last


async def _query(table: TableClient, condition: str, parameters: Mapping[str, Any]) -> AsyncIterator[Row]:
    try:
        async for row in table.query_entities(condition, parameters=dict(parameters), results_per_page=_PAGE_ROWS):
            yield row
    except ResourceNotFoundError:
        return


def _write_all(partition: _Partition, rows: TextIO, blobs: TextIO, copied: Copied) -> None:
    copied.rows += _write(rows, partition.rows)
    for blob in partition.blobs:
        copied.blobs, copied.bytes = copied.blobs + 1, copied.bytes + blob.size
        blobs.write(json.dumps(blob) + "\n")


def _write(file: TextIO, rows: list[Row]) -> int:
    for row in rows:
        file.write(line(row))
    return len(rows)
