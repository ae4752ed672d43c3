"""Rows of directories: in table ``grants``, in a partition of their own, beside their audit records.

One row is that of the current directory. Another one is there while the blobs of a new directory are written: the
transaction that makes it the current one removes this row, and so does whoever is about to remove the blobs. So it is
one or the other, however long an upload takes and whatever its clock says.
"""

import json
from collections.abc import Mapping
from typing import Any

from azure.data.tables import EdmType, EntityProperty

from shared.domain.audit import AuditRecord
from shared.domain.directory import AttributeCounts, Directory
from shared.storage.audit_log import DIRECTORY_PARTITION, AuditLog
from shared.storage.azure.table import Table, delete_unchanged_row, etag_of, instant, replace_row

_ROW = "current"

# Before the id of a directory: the row that it has while it is written.
BEGUN = "begun:"


class DirectoryTable:
    """Which directory is the current one: there is one at most."""

    def __init__(self, grants: Table, log: AuditLog) -> None:
        self._rows = grants
        self._audit = log

    async def current(self) -> Directory | None:
        """The current directory by a point read; ``None`` if there is none."""
        row = await self._rows.get(DIRECTORY_PARTITION, _ROW)
        return None if row is None else _directory(row)

    async def begin(self, directory_id: str) -> None:
        """Note that the blobs of a directory are about to be written: only then it can become the current one."""
        await self._rows.upsert(_begun(directory_id))

    async def is_begun(self, directory_id: str) -> bool:
        """Whether a directory can become the current one."""
        return await self._rows.get(DIRECTORY_PARTITION, f"{BEGUN}{directory_id}") is not None

    async def give_up(self, directory_id: str) -> None:
        """Make sure that a directory does not become the current one after this, if it is not already."""
        await self._rows.delete(DIRECTORY_PARTITION, f"{BEGUN}{directory_id}")

    async def put(self, directory: Directory, record: AuditRecord, *, replaced: str | None) -> Directory:
        """Make a directory the current one, and store the audit record, both or none; returns it with its ETag.

        Args:
            directory: the directory, whose blobs are there.
            record: the audit record of the change.
            replaced: the ETag of the one that it replaces; ``None`` if there is none.

        Raises:
            ConcurrentChangeError: another one is there now, or this one was given up.
        """
        begun = _begun(directory.id)
        answers = await self._audit.submit([replace_row(_entity(directory), replaced), ("delete", begun, {}), record])
        return directory._replace(etag=answers[0]["etag"])

    async def delete(self, directory: Directory, record: AuditRecord) -> None:
        """Remove the row of a directory as it was read.

        Raises:
            ConcurrentChangeError: it was replaced or removed since.
        """
        row = {"PartitionKey": DIRECTORY_PARTITION, "RowKey": _ROW}
        await self._audit.submit([delete_unchanged_row(row, directory.etag), record])


def _begun(directory_id: str) -> dict[str, Any]:
    return {"PartitionKey": DIRECTORY_PARTITION, "RowKey": f"{BEGUN}{directory_id}"}


def _entity(directory: Directory) -> dict[str, Any]:
    entity = {
        "PartitionKey": DIRECTORY_PARTITION,
        "RowKey": _ROW,
        "DirectoryId": directory.id,
        "DigestKey": directory.digest_key.hex(),
        "Sha256": directory.sha256,
        "Size": EntityProperty(directory.size, EdmType.INT64),
        "Users": directory.users,
        "Attributes": json.dumps(directory.attributes, ensure_ascii=False),
        "Uploaded": directory.uploaded,
        "UploadedBy": directory.uploaded_by,
    }
    return {name: value for name, value in entity.items() if value is not None}


def _directory(row: Mapping[str, Any]) -> Directory:
    return Directory(
        id=row["DirectoryId"],
        digest_key=bytes.fromhex(row["DigestKey"]),
        sha256=row["Sha256"],
        size=row["Size"].value,
        users=row["Users"],
        attributes=tuple(AttributeCounts(*each) for each in json.loads(row["Attributes"])),
        uploaded=instant(row["Uploaded"]),
        uploaded_by=row.get("UploadedBy"),
        etag=etag_of(row),
    )
