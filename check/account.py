"""Reads a storage account directly with Azure's SDKs, resource by resource, and changes nothing.

Tables and blobs are streamed in the same order; only the indexes by time are held in memory.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

import azure.identity
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient, TableServiceClient
from azure.storage.blob import BlobServiceClient, ContainerClient

from shared.core.settings import Settings
from shared.storage.azure.connections import Names, StorageNotConfiguredError, credential
from shared.storage.azure.table import check_format
from shared.storage.indexes.access import TENANT
from shared.storage.indexes.timer_note import NOTE_KEY

Row = Mapping[str, Any]


@dataclass(slots=True)
class Contents:
    """What storage holds of one resource.

    ``rows``: by kind, then by the rest of their keys. ``blobs``: by session, then by name, whether each is committed.
    ``index``: by session, when the timer is due to visit it. ``waiting``: by session, when it is due to look at its
    deliveries.
    """

    catalog: str
    resource: str
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    blobs: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    index: dict[str, datetime] = field(default_factory=dict)
    waiting: dict[str, datetime] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The prefix of its blobs, without a trailing slash."""
        return f"{self.catalog}/{self.resource}"

    def of_session(self, kind: str, session: str) -> dict[str, Row]:
        """A session's rows of one kind, by the last part of their keys."""
        prefix = f"{session}:"
        return {key.removeprefix(prefix): row for key, row in self.rows[kind].items() if key.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class Visible:
    """That a principal (or ``tenant``) may see a resource, or a whole catalog if ``resource`` is ``None``."""

    principal: str
    catalog: str
    resource: str | None


def visible_of(row: Row) -> Visible | None:
    """What a row of table ``grants`` makes visible to whom."""
    kind, *parts = row["RowKey"].split(":")
    match kind, parts:
        case "application", [resource]:
            # Without a name only its files are declared, and it is not described.
            return Visible(TENANT, row["PartitionKey"], resource) if "DisplayName" in row else None
        case "catalog", [principal]:
            return Visible(principal, row["PartitionKey"], None)
        case "resource", [resource, principal]:
            return Visible(principal, row["PartitionKey"], resource)
    return None


class Account:
    """A storage account, for reading."""

    def __init__(self, tables: TableServiceClient, blobs: BlobServiceClient, names: Names) -> None:
        self._tables = tables
        self._blobs = blobs
        self.sessions: TableClient = tables.get_table_client(names.sessions)
        self.expiry: TableClient = tables.get_table_client(names.expiry)
        self.deliveries: TableClient = tables.get_table_client(names.deliveries)
        self.activity: TableClient = tables.get_table_client(names.activity)
        self.grants: TableClient = tables.get_table_client(names.grants)
        self.access: TableClient = tables.get_table_client(names.access)
        self.uploads: ContainerClient = blobs.get_container_client(names.uploads)

    @classmethod
    def connect(cls, settings: Settings) -> "Account":
        """The account of the settings."""
        names = Names.prefixed(settings.name_prefix)
        if settings.storage is not None:
            return cls(
                TableServiceClient.from_connection_string(settings.storage),
                BlobServiceClient.from_connection_string(settings.storage),
                names,
            )
        if settings.table_endpoint is None or settings.blob_endpoint is None:
            raise StorageNotConfiguredError
        identity = credential(settings, azure.identity)
        return cls(
            TableServiceClient(settings.table_endpoint, credential=identity),
            BlobServiceClient(settings.blob_endpoint, credential=identity),
            names,
        )

    def close(self) -> None:
        """Close the connections."""
        self._tables.close()
        self._blobs.close()

    def contents(self, catalog: str = "", resource: str = "") -> Iterator[Contents]:
        """The contents of each resource, or of one resource if it is given."""
        prefix = f"{catalog}_{resource}" if resource else ""
        index = self._index(self.expiry, catalog, resource)
        waiting = self._index(self.deliveries, catalog, resource)
        rows = groupby(self._rows(prefix), key=lambda row: row["PartitionKey"])
        blobs = groupby(self._blob_names(prefix.replace("_", "/")), key=lambda blob: "_".join(blob[0].split("/")[:2]))
        for partition, own_rows, own_blobs in _side_by_side(rows, blobs):
            yield _contents(partition, own_rows, own_blobs, index.pop(partition, {}), waiting.get(partition, {}))
        for partition, entries in index.items():
            if not prefix or partition == prefix:
                yield _contents(partition, (), (), entries, {})

    def had_activity(self, hour: str, partition: str) -> bool:
        """Whether a query by time finds records of that hour in that partition."""
        return _has(self.activity, hour, partition)

    def visible(self, catalog: str = "") -> Iterator[Visible]:
        """What grants and descriptions make visible to whom, of every catalog or of one."""
        kinds = ("application", "catalog", "resource")
        query = " or ".join(f"RowKey ge '{kind}:' and RowKey lt '{kind};'" for kind in kinds)
        if catalog:
            query = f"PartitionKey eq '{catalog}' and ({query})"
        try:
            for row in self.grants.query_entities(query):
                check_format(row)
                if (visible := visible_of(row)) is not None:
                    yield visible
        except ResourceNotFoundError:
            return

    def is_indexed(self, visible: Visible) -> bool:
        """Whether a list of what a principal, or the tenant, may see finds it."""
        resource = "" if visible.resource is None else f"_{visible.resource}"
        return _has(self.access, visible.principal, visible.catalog + resource)

    def digest(self, blob: str) -> tuple[int, str] | None:
        """A blob's size and SHA-256, read in chunks; ``None`` if it was removed since it was listed."""
        digest, size = sha256(), 0
        try:
            for piece in self.uploads.download_blob(blob).chunks():
                digest.update(piece)
                size += len(piece)
        except ResourceNotFoundError:
            return None
        return size, digest.hexdigest()

    def read(self, blob: str) -> bytes | None:
        """A small blob's bytes; ``None`` if it was removed since it was listed."""
        try:
            content: bytes = self.uploads.download_blob(blob).readall()
        except ResourceNotFoundError:
            return None
        return content

    def _rows(self, partition: str) -> Iterator[Row]:
        query = f"PartitionKey eq '{partition}'" if partition else ""
        try:
            for row in self.sessions.query_entities(query):
                check_format(row)
                yield row
        except ResourceNotFoundError:
            return

    @staticmethod
    def _index(table: TableClient, catalog: str, resource: str) -> dict[str, dict[str, datetime]]:
        """When the timer is due to look at each session, by partition."""
        query = f"CatalogId eq '{catalog}' and ResourceId eq '{resource}'" if resource else ""
        index: dict[str, dict[str, datetime]] = defaultdict(dict)
        try:
            for row in table.query_entities(query):
                if row["PartitionKey"] == NOTE_KEY[0]:
                    continue
                check_format(row)
                session = row["RowKey"].split(":")[1]
                of_resource = index[f"{row['CatalogId']}_{row['ResourceId']}"]
                of_resource[session] = min(row["Due"], of_resource.get(session, row["Due"]))
        except ResourceNotFoundError:
            pass
        return index

    def _blob_names(self, prefix: str) -> Iterator[tuple[str, bool]]:
        """The names of all blobs in order, and whether each is committed."""
        try:
            committed = iter(self.uploads.list_blob_names(name_starts_with=prefix or None))
            newest = next(committed, None)
            for blob in self.uploads.list_blobs(name_starts_with=prefix or None, include=["uncommittedblobs"]):
                while newest is not None and newest < blob.name:
                    newest = next(committed, None)
                yield blob.name, blob.name == newest
        except ResourceNotFoundError:
            return


def _has(table: TableClient, partition: str, row: str) -> bool:
    try:
        table.get_entity(partition, row)
    except ResourceNotFoundError:
        return False
    return True


def _contents(
    partition: str,
    rows: Iterable[Row],
    blobs: Iterable[tuple[str, bool]],
    index: dict[str, datetime],
    waiting: dict[str, datetime],
) -> Contents:
    catalog, _, resource = partition.partition("_")
    contents = Contents(catalog, resource, index=index, waiting=waiting)
    for row in rows:
        kind, _, key = row["RowKey"].partition(":")
        contents.rows[kind][key] = row
    for name, committed in blobs:
        *_, session, file = name.split("/")
        contents.blobs[session][file] = committed
    return contents


def _side_by_side(
    rows: Iterator[tuple[str, Iterator[Row]]], blobs: Iterator[tuple[str, Iterator[tuple[str, bool]]]]
) -> Iterator[tuple[str, Iterable[Row], Iterable[tuple[str, bool]]]]:
    """Merge both by resource, in order: each resource that has rows or blobs."""
    row_group, blob_group = next(rows, None), next(blobs, None)
    while row_group or blob_group:
        first = min(group[0] for group in (row_group, blob_group) if group)
        own_rows: Iterable[Row] = row_group[1] if row_group and row_group[0] == first else ()
        own_blobs: Iterable[tuple[str, bool]] = blob_group[1] if blob_group and blob_group[0] == first else ()
        yield first, list(own_rows), list(own_blobs)
        row_group = next(rows, None) if row_group and row_group[0] == first else row_group
        blob_group = next(blobs, None) if blob_group and blob_group[0] == first else blob_group
