"""The invariants of the directory: its row has its parts, and nothing of others stays."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from check.account import Account
from check.invariants import PATIENCE
from shared.access_data.people.index import attribute_size, users_size
from shared.domain.directory import DIRECTORIES
from shared.storage.audit_log import DIRECTORY_PARTITION
from shared.storage.azure.table import check_format
from shared.storage.directory.rows import BEGUN


def directory_violations(account: Account, *, swept: bool = False) -> Iterator[str]:
    """A message for every broken invariant of the directory.

    Args:
        account: what to check.
        swept: the timer has processed everything, so that nothing may be left over.
    """
    # In this order, so that what is replaced meanwhile is not taken for broken.
    parts = _parts(account)
    due = _due(account)
    rows = {row["RowKey"]: row for row in _rows(account)}
    current = rows.get("current")
    if current is not None:
        identifier = current["DirectoryId"]
        expected = {"users": users_size(current["Users"])}
        expected |= {str(at): attribute_size(each[1]) for at, each in enumerate(json.loads(current["Attributes"]))}
        found = parts.pop(identifier, {})
        if found != expected and _current(account) == identifier:
            yield f"17: the directory has the parts {found}, and should have {expected}: upload it again"
        if not any(_is_record(row, current["Sha256"]) for row in rows.values()):
            yield "10: the directory has no audit record of its upload"
    begun = {key.removeprefix(BEGUN) for key in rows if key.startswith(BEGUN)}
    for other in sorted(parts.keys() | begun):
        if swept or other not in due:
            yield f"18: directory {other} is not the current one, is not removed, and the timer does not know of it"
    for other, at in due.items():
        if datetime.now(UTC) - at > PATIENCE:
            yield f"9: the index row of directory {other} was due at {at:%Y-%m-%d %H:%M}: does the timer run?"


def _is_record(row: dict[str, Any], sha256: str) -> bool:
    return row.get("Activity") == "putDirectory" and json.loads(row["Details"])["sha256"] == sha256


def _current(account: Account) -> str | None:
    return next((row["DirectoryId"] for row in _rows(account) if row["RowKey"] == "current"), None)


def _rows(account: Account) -> list[dict[str, Any]]:
    try:
        rows = [dict(row) for row in account.grants.query_entities(f"PartitionKey eq '{DIRECTORY_PARTITION}'")]
    except ResourceNotFoundError:
        return []
    for row in rows:
        check_format(row)
    return rows


def _parts(account: Account) -> dict[str, dict[str, int]]:
    """The sizes of all parts by name, by directory; 0 for one that is not committed."""
    parts: dict[str, dict[str, int]] = {}
    prefix = f"{DIRECTORIES.catalog_id}/{DIRECTORIES.resource_id}/"
    try:
        for blob in account.uploads.list_blobs(name_starts_with=prefix, include=["uncommittedblobs"]):
            *_, identifier, name = blob.name.split("/")
            parts.setdefault(identifier, {})[name] = blob.size or 0
    except ResourceNotFoundError:
        pass
    return parts


def _due(account: Account) -> dict[str, datetime]:
    """When the timer is due to look at each directory: the first time."""
    due: dict[str, datetime] = {}
    query = f"CatalogId eq '{DIRECTORIES.catalog_id}'"
    try:
        for row in account.expiry.query_entities(query):
            identifier = row["RowKey"].split(":")[1]
            due[identifier] = min(row["Due"], due.get(identifier, row["Due"]))
    except ResourceNotFoundError:
        pass
    return due
