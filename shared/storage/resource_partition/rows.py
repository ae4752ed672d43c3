"""Converts sessions, references, files and refusals to table rows and back."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from azure.core import MatchConditions
from azure.data.tables import EdmType, EntityProperty, UpdateMode

from shared.core.ids import id_time
from shared.domain.plausibility import LastComplete
from shared.domain.sessions import (
    Reference,
    Refusal,
    ResourceKey,
    Review,
    Sealed,
    Session,
    SessionKey,
    Status,
    StoredFile,
    StoredRows,
    UsedDirectory,
)
from shared.storage.azure.packed import packed
from shared.storage.azure.table import VERSION, Operation, instant

# Keys. Every part is a GUID, a hex digest or a fixed word, so that no caller's text gets into a key.


def partition(resource: ResourceKey) -> str:
    """PartitionKey of all rows of one resource."""
    return f"{resource.catalog_id}_{resource.resource_id}"


def session_row(key: SessionKey) -> str:
    """RowKey of a session."""
    return f"session:{key.session_id}"


def newest_row(session_id: str) -> str:
    """RowKey of a session's row among the newest."""
    return f"newest:{complement(session_id)}"


def complement(identifier: str) -> str:
    """An id that sorts the other way: that of the younger of two ids comes first. Its own complement is the id."""
    return str(UUID(int=_LARGEST_ID - UUID(identifier).int))


def reference_row(reference_id: str) -> str:
    """RowKey of the row that names the session that holds a reference."""
    return f"reference:{reference_id}"


def file_row(key: SessionKey, file_id: str) -> str:
    """RowKey of a file."""
    return f"file:{key.session_id}:{file_id}"


def refusal_row(key: SessionKey, name: str) -> str:
    """RowKey of a refused file, by the digest of its name."""
    return f"refusal:{key.session_id}:{sha256(name.encode()).hexdigest()}"


def refusal_prefix(key: SessionKey, refusal_id: str) -> str:
    """The beginning of the RowKey of a refusal: its id is the first half of its name's digest."""
    return f"refusal:{key.session_id}:{refusal_id.replace('-', '')}"


def receipt_row(key: SessionKey) -> str:
    """RowKey of what a session was completed with."""
    return f"receipt:{key.session_id}"


_LARGEST_ID = 2**128 - 1

LAST_COMPLETE_ROW = "lastcomplete"
"""RowKey of the row that tells of a resource's last complete session."""


# Entities


def session_entity(session: Session) -> dict[str, Any]:
    """A session's row."""
    review = session.review
    entity = {
        "PartitionKey": partition(session.key.resource),
        "RowKey": session_row(session.key),
        "Status": session.status.value,
        "LastActive": session.last_active,
        "ReviewDefinitionId": review.definition_id,
        "ReferenceId": review.instance_id,
        "Source": review.source,
        "Type": review.type,
        "DataType": review.data_type,
        "FilesUploaded": session.files_uploaded,
        "TotalBytes": EntityProperty(session.total_bytes, EdmType.INT64),
        "FilesMark": None if session.files_mark is None else str(UUID(int=session.files_mark)),
        "OpenRefusals": session.open_refusals,
        "FilesRemoved": session.files_removed,
        **({} if session.sealed is None else _sealed_properties(session.sealed)),
    }
    return {name: value for name, value in entity.items() if value is not None}


def session_of(resource: ResourceKey, row: Mapping[str, Any]) -> Session:
    """The session that a row holds."""
    session_id = row["RowKey"].removeprefix("session:")
    return Session(
        key=SessionKey(resource, session_id),
        review=Review(
            definition_id=row["ReviewDefinitionId"],
            instance_id=row["ReferenceId"],
            source=row.get("Source"),
            type=row.get("Type"),
            data_type=row.get("DataType"),
        ),
        created=id_time(session_id),
        last_active=instant(row["LastActive"]),
        status=Status(row["Status"]),
        files_uploaded=row["FilesUploaded"],
        total_bytes=row["TotalBytes"].value,
        files_mark=_mark(row),
        open_refusals=row["OpenRefusals"],
        files_removed=instant(row["FilesRemoved"]) if "FilesRemoved" in row else None,
        sealed=_sealed(row) if "SealedFiles" in row else None,
        etag=row.metadata["etag"],  # type: ignore[attr-defined]  # rows are TableEntity, which has it
    )


def _mark(row: Mapping[str, Any]) -> int | None:
    """The mark of a session's files. A row of a version without marks has one if it has no files."""
    if "FilesMark" in row:
        return UUID(row["FilesMark"]).int
    return None if row["FilesUploaded"] else 0


def _sealed_properties(sealed: Sealed) -> dict[str, Any]:
    return {
        "SealedFiles": sealed.files,
        "SealedRows": EntityProperty(sealed.rows, EdmType.INT64),
        "SealedBytes": EntityProperty(sealed.size, EdmType.INT64),
        "SealedBy": sealed.object_id,
        "SealedByApp": sealed.app_id,
    }


def _sealed(row: Mapping[str, Any]) -> Sealed:
    return Sealed(
        files=row["SealedFiles"],
        rows=row["SealedRows"].value,
        size=row["SealedBytes"].value,
        object_id=row.get("SealedBy"),
        app_id=row.get("SealedByApp"),
    )


def reference_entity(session: Session) -> dict[str, Any]:
    """The row of a session's reference."""
    return {
        "PartitionKey": partition(session.key.resource),
        "RowKey": reference_row(session.review.instance_id),
        "SessionId": session.key.session_id,
    }


def reference_of(resource: ResourceKey, row: Mapping[str, Any]) -> Reference:
    """The reference that a row holds."""
    return Reference(SessionKey(resource, row["SessionId"]), row.metadata["etag"])  # type: ignore[attr-defined]  # as above


def file_entity(key: SessionKey, file: StoredFile) -> dict[str, Any]:
    """A file's row."""
    entity: dict[str, Any] = {
        "PartitionKey": partition(key.resource),
        "RowKey": file_row(key, file.id),
        "Name": file.name,
        "Size": EntityProperty(file.size, EdmType.INT64),
        "Sha256": file.sha256,
        "Rows": EntityProperty(file.rows, EdmType.INT64),
        "Layout": file.layout,
        "Warnings": EntityProperty(file.warnings, EdmType.INT64),
        "Uploaded": file.uploaded,
    }
    made = file.made
    if made is None:
        return entity
    entity |= {
        # Version 1 would take the file for its rows.
        VERSION: 2,
        "RowsSize": EntityProperty(made.size, EdmType.INT64),
        "RowsSha256": made.sha256,
        "Steps": json.dumps(made.steps),
        "Matched": json.dumps(made.matched),
        "LeftOut": EntityProperty(made.left_out, EdmType.INT64),
    }
    if made.directory is not None:
        entity |= {"DirectorySha256": made.directory.sha256, "DirectoryUploaded": made.directory.uploaded}
    return entity


def file_of(row: Mapping[str, Any]) -> StoredFile:
    """The file that a row holds."""
    return StoredFile(
        id=row["RowKey"].rsplit(":", 1)[1],
        name=row["Name"],
        size=row["Size"].value,
        sha256=row["Sha256"],
        rows=row["Rows"].value,
        layout=row.get("Layout"),
        warnings=row["Warnings"].value,
        uploaded=instant(row["Uploaded"]),
        made=_made(row) if "RowsSha256" in row else None,
    )


def _made(row: Mapping[str, Any]) -> StoredRows:
    directory = row.get("DirectorySha256")
    return StoredRows(
        size=row["RowsSize"].value,
        sha256=row["RowsSha256"],
        steps=tuple(json.loads(row["Steps"])),
        matched=json.loads(row["Matched"]),
        left_out=row["LeftOut"].value,
        directory=None if directory is None else UsedDirectory(directory, instant(row["DirectoryUploaded"])),
    )


def refusal_entity(key: SessionKey, refusal: Refusal) -> dict[str, Any]:
    """A refusal's row."""
    return {
        "PartitionKey": partition(key.resource),
        "RowKey": refusal_row(key, refusal.name),
        "Name": refusal.name,
        "Refused": refusal.refused,
        "Findings": EntityProperty(refusal.findings, EdmType.INT64),
        **(packed(refusal.accounts) if refusal.accounts else {}),
    }


REFUSAL_PROPERTIES = ("RowKey", "Name", "Refused", "Findings")
"""What ``refusal_of`` needs of a row, which can be much longer."""


def refusal_of(row: Mapping[str, Any]) -> Refusal:
    """The refusal that a row holds."""
    # Earlier versions stored the count as an Int32, which the SDK returns as a plain number.
    findings = row["Findings"]
    return Refusal(row["Name"], instant(row["Refused"]), findings if isinstance(findings, int) else findings.value)


# Operations of a transaction


def create_session(session: Session) -> tuple[Operation, Operation]:
    """Insert a session's row, and the one that lists it among the newest."""
    newest = {"PartitionKey": partition(session.key.resource), "RowKey": newest_row(session.key.session_id)}
    return ("create", session_entity(session), {}), ("create", newest, {})


def insert_reference(session: Session) -> Operation:
    """Insert the row of the session's reference. Conflicts if another session holds it."""
    return "create", reference_entity(session), {}


def update_reference(session: Session, before: Reference) -> Operation:
    """Give a reference to a session if it has not changed since it was read."""
    return "update", reference_entity(session), _unless_changed(before.etag)


def update_session(session: Session) -> Operation:
    """Replace a session's row if it has not changed since it was read."""
    return "update", session_entity(session), _unless_changed(session.etag)


def delete_row(key: SessionKey, row: str) -> Operation:
    """Delete one of the session's other rows."""
    return "delete", {"PartitionKey": partition(key.resource), "RowKey": row}, {}


def put_receipt(key: SessionKey, content: bytes) -> Operation:
    """Store what a session is completed with: JSON of its at most 1,000 files, for which a row has room."""
    entity = {"PartitionKey": partition(key.resource), "RowKey": receipt_row(key), **packed(content)}
    return "upsert", entity, {"mode": UpdateMode.REPLACE}


def put_last_complete(
    session: Session, files: Sequence[StoredFile], before: LastComplete | None, *, compared: bool
) -> Operation:
    """Store that a session is the last complete one of its resource, and how many rows its files have.

    If it was compared with the one before, this fails unless that is still the last one.
    """
    rows = sum(file.rows for file in files)
    entity = {
        "PartitionKey": partition(session.key.resource),
        "RowKey": LAST_COMPLETE_ROW,
        "SessionId": session.key.session_id,
        "Rows": EntityProperty(rows, EdmType.INT64),
    }
    if not compared:
        return "upsert", entity, {"mode": UpdateMode.REPLACE}
    if before is None:
        return "create", entity, {}
    return "update", entity, _unless_changed(before.etag)


def _unless_changed(etag: str) -> dict[str, Any]:
    return {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}


def last_complete_of(row: Mapping[str, Any]) -> LastComplete:
    """The last complete session that a row tells of."""
    return LastComplete(row["SessionId"], row["Rows"].value, row.metadata["etag"])  # type: ignore[attr-defined]  # as above
