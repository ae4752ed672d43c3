"""``python3 dev.py check``: reads a storage account past the service, and reports every broken invariant.

The invariants are written down in ``docs/invariants.md``; each has its number here. Tables and blobs are read as they
stream in, resource by resource; only the index of expiry is held whole. It changes nothing, and may run at any time:
while requests are under way, look twice at what it says of their sessions.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.data.tables import TableClient, TableServiceClient
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, ContainerClient

from local.azurite import AzuriteError, azurite
from shared.blobs import CONTAINER, MANIFEST
from shared.connections import StorageNotConfiguredError
from shared.settings import Settings
from shared.tables import EXPIRY_TABLE, SESSIONS_TABLE

ROOT = Path(__file__).parent.parent

# How long an index row may be overdue: several ticks of the timer.
PATIENCE = timedelta(hours=1)

Row = Mapping[str, Any]
Digest = Callable[[str], tuple[int, str]]


@dataclass(slots=True)
class Contents:
    """What storage holds of one resource.

    ``rows`` by kind and then by the rest of their keys; ``blobs`` by session, then by name within it, whether each is
    committed; ``index`` is when the timer will look at which session.
    """

    catalog: str
    resource: str
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    blobs: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    index: dict[str, datetime] = field(default_factory=dict)

    def of_session(self, kind: str, session: str) -> dict[str, Row]:
        """A session's rows of one kind, by what their keys end in."""
        prefix = f"{session}:"
        return {key.removeprefix(prefix): row for key, row in self.rows[kind].items() if key.startswith(prefix)}


class Account:
    """A storage account as an auditor sees it."""

    def __init__(self, tables: TableServiceClient, blobs: BlobServiceClient) -> None:
        self._tables = tables
        self._blobs = blobs
        self.sessions: TableClient = tables.get_table_client(SESSIONS_TABLE)
        self.expiry: TableClient = tables.get_table_client(EXPIRY_TABLE)
        self.uploads: ContainerClient = blobs.get_container_client(CONTAINER)

    @classmethod
    def connect(cls, settings: Settings) -> "Account":
        """The account that the settings name."""
        if settings.storage is not None:
            return cls(
                TableServiceClient.from_connection_string(settings.storage),
                BlobServiceClient.from_connection_string(settings.storage),
            )
        if settings.table_service_uri is None or settings.blob_service_uri is None:
            raise StorageNotConfiguredError
        identity = DefaultAzureCredential()
        return cls(
            TableServiceClient(str(settings.table_service_uri), credential=identity),
            BlobServiceClient(str(settings.blob_service_uri), credential=identity),
        )

    def close(self) -> None:
        """Close the connections."""
        self._tables.close()
        self._blobs.close()

    def contents(self, catalog: str = "", resource: str = "") -> Iterator[Contents]:
        """What is there, resource by resource; of one resource only, if it is named."""
        prefix = f"{catalog}_{resource}" if resource else ""
        index = self._index()
        rows = groupby(self._rows(prefix), key=lambda row: row["PartitionKey"])
        blobs = groupby(self._blob_names(prefix.replace("_", "/")), key=lambda blob: "_".join(blob[0].split("/")[:2]))
        for partition, own_rows, own_blobs in _side_by_side(rows, blobs):
            yield _contents(partition, own_rows, own_blobs, index.pop(partition, {}))
        for partition, entries in index.items():
            if not prefix or partition == prefix:
                yield _contents(partition, (), (), entries)

    def digest(self, blob: str) -> tuple[int, str]:
        """A blob's size and SHA-256, read piece by piece."""
        digest, size = sha256(), 0
        for piece in self.uploads.download_blob(blob).chunks():
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest()

    def read(self, blob: str) -> bytes:
        """A small blob's bytes."""
        content: bytes = self.uploads.download_blob(blob).readall()
        return content

    def _rows(self, partition: str) -> Iterator[Row]:
        query = f"PartitionKey eq '{partition}'" if partition else ""
        try:
            yield from self.sessions.query_entities(query)
        except ResourceNotFoundError:
            return

    def _index(self) -> dict[str, dict[str, datetime]]:
        index: dict[str, dict[str, datetime]] = defaultdict(dict)
        try:
            for row in self.expiry.list_entities():
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


def violations(contents: Contents, account: Account, *, quick: bool = False, swept: bool = False) -> Iterator[str]:
    """Every broken invariant of one resource, in words.

    Args:
        contents: of the resource.
        account: where its blobs can be read.
        quick: do not read the files' bytes.
        swept: the timer has done all that there was to do, so that nothing may be left over.
    """
    sessions = contents.rows["session"]
    for kind, rows in contents.rows.items():
        for key in rows:
            if kind in ("file", "refusal") and key.split(":")[0] not in sessions:
                yield f"1: {kind} {key} belongs to no session"
    for session in sessions:
        yield from _broken_files(contents, session, account, quick=quick)
        yield from _broken_stats(contents, session)
        yield from _broken_manifest(contents, session, account)
    yield from _broken_references(contents)
    yield from _leftovers(contents, swept=swept)


def _broken_files(contents: Contents, session: str, account: Account, *, quick: bool) -> Iterator[str]:
    blobs = contents.blobs.get(session, {})
    for file, row in contents.of_session("file", session).items():
        if not blobs.get(file):
            yield f"1: file {file} of session {session} has no blob"
        elif not quick:
            expected = (number(row["Size"]), row["Sha256"])
            found = account.digest(f"{_folder(contents)}/{session}/{file}")
            if found != expected:
                yield f"1: file {file} of session {session} is {found}, its row says {expected}"


def _broken_stats(contents: Contents, session: str) -> Iterator[str]:
    row = contents.rows["session"][session]
    files = contents.of_session("file", session).values()
    told = (number(row["FilesUploaded"]), number(row["TotalBytes"]))
    counted = (len(files), sum(number(file["Size"]) for file in files))
    if told != counted:
        yield f"2: session {session} says {told}, its files are {counted}"
    names = [file["Name"] for file in files]
    if len(set(names)) != len(names):
        yield f"3: session {session} has a name twice: {len(names)} files, {len(set(names))} names"
    refusals = len(contents.of_session("refusal", session))
    if number(row["OpenRefusals"]) != refusals:
        yield f"4: session {session} says {row['OpenRefusals']} open refusals, its rows are {refusals}"


def _broken_manifest(contents: Contents, session: str, account: Account) -> Iterator[str]:
    there = contents.blobs.get(session, {}).get(MANIFEST)
    row = contents.rows["session"][session]
    if row["Status"] != "complete":
        if there:
            yield f"6: session {session} is {row['Status']} and has a manifest"
        return
    files = contents.of_session("file", session)
    if not there:
        if files and session not in contents.index:
            yield f"6: session {session} is complete, has no manifest, and no index row would wake the timer for it"
        return
    listed = json.loads(account.read(f"{_folder(contents)}/{session}/{MANIFEST}"))["files"]
    told = {file["id"]: (file["name"], file["size"], file["sha256"]) for file in listed}
    if told != {key: (file["Name"], number(file["Size"]), file["Sha256"]) for key, file in files.items()}:
        yield f"6: the manifest of session {session} is not what its rows say"


def _broken_references(contents: Contents) -> Iterator[str]:
    holders = {reference: row["SessionId"] for reference, row in contents.rows["reference"].items()}
    living = {
        session: row["ReferenceId"].lower()
        for session, row in contents.rows["session"].items()
        if row["Status"] in ("active", "complete")
    }
    for session, reference in living.items():
        if holders.get(reference) != session:
            yield f"5: session {session} does not hold its reference {reference}: {holders.get(reference)} does"
    for reference, holder in holders.items():
        if living.get(holder) != reference:
            yield f"5: reference {reference} is held by {holder}, which is no active or complete session of it"


def _leftovers(contents: Contents, *, swept: bool) -> Iterator[str]:
    """What crashes may leave, but only as long as the timer will still come for it."""
    sessions = contents.rows["session"]
    now = datetime.now(UTC)
    for session, blobs in contents.blobs.items():
        files = contents.of_session("file", session)
        manifest = {MANIFEST} if sessions.get(session, {}).get("Status") == "complete" else set()
        left = sorted(blobs.keys() - files.keys() - manifest)
        if left and (swept or session not in contents.index):
            yield f"7: {len(left)} blob(s) without a row in session {session}, and nothing will remove them: {left[0]}"
    for session, row in sessions.items():
        settled = row["Status"] == "complete" or (
            row["Status"] == "expired" and not contents.of_session("file", session)
        )
        if session not in contents.index and not settled:
            yield f"8: session {session} is {row['Status']}, and no index row would wake the timer for it"
    for session, due in contents.index.items():
        if swept and session not in sessions:
            yield f"9: an index row of {due:%Y-%m-%d %H:%M} for session {session}, which is not there"
        elif due < now - PATIENCE:
            yield f"9: the timer should have looked at session {session} at {due:%Y-%m-%d %H:%M}: does it run?"


def number(value: Any) -> int:
    """An Int64 column comes wrapped, an Int32 one plain."""
    return int(getattr(value, "value", value))


def _folder(contents: Contents) -> str:
    return f"{contents.catalog}/{contents.resource}"


def _contents(
    partition: str, rows: Iterable[Row], blobs: Iterable[tuple[str, bool]], index: dict[str, datetime]
) -> Contents:
    catalog, _, resource = partition.partition("_")
    contents = Contents(catalog, resource, index=index)
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
    """Both by resource, in one order: each resource that has rows or blobs."""
    row_group, blob_group = next(rows, None), next(blobs, None)
    while row_group or blob_group:
        first = min(group[0] for group in (row_group, blob_group) if group)
        own_rows: Iterable[Row] = row_group[1] if row_group and row_group[0] == first else ()
        own_blobs: Iterable[tuple[str, bool]] = blob_group[1] if blob_group and blob_group[0] == first else ()
        yield first, list(own_rows), list(own_blobs)
        row_group = next(rows, None) if row_group and row_group[0] == first else row_group
        blob_group = next(blobs, None) if blob_group and blob_group[0] == first else blob_group


def check(account: Account, *, quick: bool) -> int:
    """Check everything and print what is wrong; gives how many violations there are."""
    found = sessions = files = blobs = 0
    for contents in account.contents():
        sessions += len(contents.rows["session"])
        files += len(contents.rows["file"])
        blobs += sum(len(names) for names in contents.blobs.values())
        for violation in violations(contents, account, quick=quick):
            found += 1
            print(f"{contents.catalog}/{contents.resource}: {violation}", flush=True)
    verdict = f"{found} violation(s); docs/invariants.md says what they mean" if found else "all well"
    print(f"{sessions} sessions, {files} files, {blobs} blobs: {verdict}")
    return found


def main() -> int:
    """Check what the arguments and the environment name; gives the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py check", description="Check what is stored against the invariants.")
    parser.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of Azurite's data (default .data)")
    parser.add_argument("--quick", action="store_true", help="do not read the files' bytes")
    arguments = parser.parse_args()
    settings = Settings()
    try:
        with nullcontext() if settings.storage or settings.blob_service_uri else azurite(arguments.data) as own:
            if own is not None:
                settings = settings.model_copy(update={"storage": own.connection_string})
            with closing(Account.connect(settings)) as account:
                return 1 if check(account, quick=arguments.quick) else 0
    except (AzuriteError, AzureError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
