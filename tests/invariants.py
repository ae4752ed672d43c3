"""What must hold in storage whatever happened, read from tables and blobs past the service, with the real SDKs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from tests.client import Resource, Session

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that storage holds of one resource: rows by key with their ETags, and blobs by name with digests."""

    rows: dict[str, tuple[str, dict[str, str]]]
    index: frozenset[tuple[str, str]]
    blobs: dict[str, str]


class Storage:
    """A storage account as an auditor sees it."""

    def __init__(self, connection_string: str) -> None:
        self.connection_string = connection_string
        self._tables = TableServiceClient.from_connection_string(connection_string)
        self._blobs = BlobServiceClient.from_connection_string(connection_string)
        self.sessions = self._tables.get_table_client("uploadsessions")
        self.expiry = self._tables.get_table_client("expiry")
        self.uploads = self._blobs.get_container_client("uploads")

    def close(self) -> None:
        """Close the connections."""
        self._tables.close()
        self._blobs.close()

    def rows(self, resource: Resource) -> list[Row]:
        """All rows of the resource's partition, in the order of their keys."""
        partition = f"{resource.catalog_id}_{resource.resource_id}"
        try:
            return list(self.sessions.query_entities("PartitionKey eq @key", parameters={"key": partition}))
        except ResourceNotFoundError:
            return []

    def index_rows(self, resource: Resource) -> list[Row]:
        """The rows of the expiry index that point into the resource."""
        try:
            rows = self.expiry.query_entities(
                "CatalogId eq @catalog and ResourceId eq @resource",
                parameters={"catalog": resource.catalog_id, "resource": resource.resource_id},
            )
            return list(rows)
        except ResourceNotFoundError:
            return []

    def blob_names(self, resource: Resource) -> list[str]:
        """The names of all committed blobs under the resource."""
        return list(self.uploads.list_blob_names(name_starts_with=f"{resource.catalog_id}/{resource.resource_id}/"))

    def content(self, blob: str) -> bytes:
        """A blob's bytes."""
        return self.uploads.download_blob(blob).readall()

    def put_blob(self, blob: str, content: bytes) -> None:
        """Leave a blob behind, as a crashed upload does."""
        self.uploads.upload_blob(blob, content)

    def stored(self, resource: Resource) -> Stored:
        """Everything that is stored of the resource now."""
        return Stored(
            rows={
                row["RowKey"]: (str(_etag(row)), {name: repr(value) for name, value in row.items()})
                for row in self.rows(resource)
            },
            index=frozenset((row["PartitionKey"], row["RowKey"]) for row in self.index_rows(resource)),
            blobs={name: sha256(self.content(name)).hexdigest() for name in self.blob_names(resource)},
        )

    @contextmanager
    def unchanged(self, resource: Resource) -> Iterator[None]:
        """See that nothing at all of the resource changes meanwhile: no stats, no file, no refusal, no blob."""
        before = self.stored(resource)
        yield
        assert self.stored(resource) == before

    def refused_names(self, session: Session) -> list[str]:
        """The names of the files that were refused and not replaced."""
        return [
            row["Name"] for row in self.rows(session.resource) if row["RowKey"].startswith(f"refusal:{session.id}:")
        ]

    def orphans(self, resource: Resource) -> list[str]:
        """The blobs that no row names, those included of which only staged blocks exist."""
        rows = self.rows(resource)
        named = {f"{_folder(resource)}/{sid}/{fid}" for sid, fid in _file_ids(rows)}
        manifests = {
            f"{_folder(resource)}/{sid}/manifest.json"
            for sid, row in _sessions(rows).items()
            if row["Status"] == "complete"
        }
        found = self.uploads.list_blobs(name_starts_with=f"{_folder(resource)}/", include=["uncommittedblobs"])
        return [blob.name for blob in found if blob.name not in named | manifests]

    def violations(self, resource: Resource) -> list[str]:
        """Every broken invariant of the resource, in words; blobs without a row are left to the sweep."""
        rows = self.rows(resource)
        return [
            *self._broken_files(resource, rows),
            *_broken_stats(rows),
            *_broken_references(rows),
            *_broken_refusals(rows),
            *_broken_index(rows, self.index_rows(resource)),
        ]

    def _broken_files(self, resource: Resource, rows: list[Row]) -> Iterator[str]:
        sessions = _sessions(rows)
        for (sid, fid), row in _file_ids(rows).items():
            if sid not in sessions:
                yield f"file {fid} belongs to no session"
            try:
                content = self.content(f"{_folder(resource)}/{sid}/{fid}")
            except ResourceNotFoundError:
                yield f"file {fid} has no blob"
                continue
            if len(content) != _number(row["Size"]):
                yield f"file {fid} has {len(content)} bytes, its row says {_number(row['Size'])}"
            if sha256(content).hexdigest() != row["Sha256"]:
                yield f"file {fid} has not the digest of its row"


def _broken_stats(rows: list[Row]) -> Iterator[str]:
    files = _file_ids(rows)
    for sid, session in _sessions(rows).items():
        sizes = [_number(row["Size"]) for (owner, _), row in files.items() if owner == sid]
        names = [row["Name"] for (owner, _), row in files.items() if owner == sid]
        stats = (session["FilesUploaded"], _number(session["TotalBytes"]))
        if stats != (len(sizes), sum(sizes)):
            yield f"session {sid} says {stats}, its files are {(len(sizes), sum(sizes))}"
        if len(set(names)) != len(names):
            yield f"session {sid} has one name twice: {sorted(names)}"


def _broken_references(rows: list[Row]) -> Iterator[str]:
    sessions = _sessions(rows)
    holders = {
        row["RowKey"].removeprefix("reference:"): row["SessionId"]
        for row in rows
        if row["RowKey"].startswith("reference:")
    }
    living = [(sid, row) for sid, row in sessions.items() if row["Status"] in ("active", "complete")]
    for reference in {row["ReferenceId"] for _, row in living}:
        winners = [sid for sid, row in living if row["ReferenceId"] == reference]
        if winners != [holders.get(reference.lower())]:
            yield f"reference {reference} is held by {holders.get(reference.lower())}, its sessions are {winners}"
    for reference, holder in holders.items():
        if holder not in sessions:
            yield f"reference {reference} is held by {holder}, which is no session"


def _broken_refusals(rows: list[Row]) -> Iterator[str]:
    for sid, session in _sessions(rows).items():
        refusals = [row for row in rows if row["RowKey"].startswith(f"refusal:{sid}:")]
        if session["OpenRefusals"] != len(refusals):
            yield f"session {sid} says {session['OpenRefusals']} refusals, its rows are {len(refusals)}"


def _broken_index(rows: list[Row], index: list[Row]) -> Iterator[str]:
    indexed = {row["RowKey"].split(":")[1] for row in index}
    files = {sid for sid, _ in _file_ids(rows)}
    for sid, session in _sessions(rows).items():
        settled = session["Status"] == "complete" or (session["Status"] == "expired" and sid not in files)
        if not settled and sid not in indexed:
            yield f"session {sid} is {session['Status']} and no index row would wake the timer for it"


def _sessions(rows: list[Row]) -> dict[str, Row]:
    return {row["RowKey"].removeprefix("session:"): row for row in rows if row["RowKey"].startswith("session:")}


def _file_ids(rows: list[Row]) -> dict[tuple[str, str], Row]:
    found = {}
    for row in rows:
        kind, *ids = row["RowKey"].split(":")
        if kind == "file":
            found[ids[0], ids[1]] = row
    return found


def _folder(resource: Resource) -> str:
    return f"{resource.catalog_id}/{resource.resource_id}"


def _number(value: Any) -> int:
    """An Int64 column comes wrapped, an Int32 one plain."""
    return int(getattr(value, "value", value))


def _etag(row: Row) -> object:
    return getattr(row, "metadata", {}).get("etag")
