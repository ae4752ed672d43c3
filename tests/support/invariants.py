"""The invariants of storage, read directly from tables and blobs with the real SDKs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient

from check.account import Account
from check.directory import directory_violations
from check.invariants import unlisted, violations
from shared.core.settings import Settings
from shared.storage.azure.blobs import MANIFEST
from shared.storage.azure.connections import Names
from tests.support.client import Json, Resource, Session

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """Everything that is stored for one resource: rows by key with their ETags, and blobs by name with digests."""

    rows: dict[str, tuple[str, dict[str, str]]]
    index: frozenset[tuple[str, str]]
    blobs: dict[str, str]


class Storage:
    """A storage account, read without the service."""

    def __init__(self, connection_string: str) -> None:
        self.connection_string = connection_string
        self.account = Account.connect(Settings().model_copy(update={"storage": connection_string}))
        self.sessions, self.expiry, self.uploads = self.account.sessions, self.account.expiry, self.account.uploads
        self.callers = TableClient.from_connection_string(connection_string, Names.prefixed("").callers)

    def close(self) -> None:
        """Close the connections."""
        self.account.close()
        self.callers.close()

    def create(self) -> None:
        """Create the tables and the container, so that a test may look into them before the service has used them."""
        own = (self.sessions, self.expiry, self.account.activity, self.account.grants, self.account.access)
        for table in (*own, self.callers, self.account.deliveries):
            table.create_table()
        self.uploads.create_container()

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

    def manifest(self, session: Session) -> Json:
        """The manifest of a complete session."""
        resource = session.resource
        content = self.content(f"{resource.catalog_id}/{resource.resource_id}/{session.id}/{MANIFEST}")
        manifest: Json = json.loads(content)
        return manifest

    def put_blob(self, blob: str, content: bytes) -> None:
        """Write a blob without a row, as a crashed upload leaves it."""
        self.uploads.upload_blob(blob, content)

    def stored(self, resource: Resource) -> Stored:
        """Everything that is stored for the resource now."""
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
        """Assert that nothing of the resource changes: no stats, no file, no refusal, no blob."""
        before = self.stored(resource)
        yield
        assert self.stored(resource) == before

    def refused_names(self, session: Session) -> list[str]:
        """The names of the session's open refusals."""
        return [
            row["Name"] for row in self.rows(session.resource) if row["RowKey"].startswith(f"refusal:{session.id}:")
        ]

    def orphans(self, resource: Resource) -> list[str]:
        """The blobs without a row, staged ones included, if the timer has nothing more to do."""
        told = self.broken(resource.catalog_id, resource.resource_id, swept=True)
        return [violation for violation in told if violation.startswith("7:")]

    def violations(self, resource: Resource) -> list[str]:
        """Every broken invariant of the resource, in words, except those that the next sweep repairs."""
        return self.broken(resource.catalog_id, resource.resource_id)

    def broken(self, catalog: str, resource: str, *, swept: bool = False, directory: bool = True) -> list[str]:
        """The same; ``swept`` if the timer has nothing more to do, and the ``directory``'s, too."""
        there = self.account.contents(catalog, resource)
        found = [violation for contents in there for violation in violations(contents, self.account, swept=swept)]
        found += unlisted(self.account, catalog)
        return [*found, *directory_violations(self.account, swept=swept)] if directory else found


def _etag(row: Row) -> object:
    return getattr(row, "metadata", {}).get("etag")
