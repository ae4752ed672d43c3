"""The row of the current directory: in table ``grants``, in a partition of its own, beside its audit records."""

import json
from collections.abc import Mapping
from typing import Any

from azure.data.tables import EdmType, EntityProperty

from shared.domain.audit import AuditRecord
from shared.domain.directory import AttributeCounts, Directory
from shared.storage.audit_log import DIRECTORY_PARTITION, AuditLog
from shared.storage.azure.table import Table, delete_unchanged_row, etag_of, instant, replace_row

_ROW = "current"


class DirectoryTable:
    """Which directory is the current one: there is one at most."""

    def __init__(self, grants: Table, log: AuditLog) -> None:
        self._rows = grants
        self._audit = log

    async def current(self) -> Directory | None:
        """The current directory by a point read; ``None`` if there is none."""
        row = await self._rows.get(DIRECTORY_PARTITION, _ROW)
        return None if row is None else _directory(row)

    async def put(self, directory: Directory, record: AuditRecord, *, replaced: str | None) -> Directory:
        """Make a directory the current one, and store the audit record, both or none; returns it with its ETag.

        Args:
            directory: the directory, whose blobs are there.
            record: the audit record of the change.
            replaced: the ETag of the one that it replaces; ``None`` if there is none.

        Raises:
            ConcurrentChangeError: another one is there now.
        """
        answers = await self._audit.submit([replace_row(_entity(directory), replaced), record])
        return directory._replace(etag=answers[0]["etag"])

    async def delete(self, directory: Directory, record: AuditRecord) -> None:
        """Remove the row of a directory as it was read.

        Raises:
            ConcurrentChangeError: it was replaced or removed since.
        """
        row = {"PartitionKey": DIRECTORY_PARTITION, "RowKey": _ROW}
        await self._audit.submit([delete_unchanged_row(row, directory.etag), record])


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
