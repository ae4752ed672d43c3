"""The manifest of a complete session: the list of its files, for consumers that read them from Blob Storage."""

import json
from collections.abc import Sequence

from shared.core.ids import format_instant
from shared.domain.sessions import Session, StoredFile
from shared.models.serializers import rows_json


def manifest(session: Session, files: Sequence[StoredFile]) -> bytes:
    """The manifest of a complete session, as JSON: a consumer reads it to get one consistent set of files."""
    key = session.key
    content = {
        "session": {
            "id": key.session_id,
            "catalogId": key.resource.catalog_id,
            "resourceId": key.resource.resource_id,
            "reviewDefinitionId": session.review.definition_id,
            "reviewInstanceId": session.review.instance_id,
            "createdDateTime": format_instant(session.created),
            "completedDateTime": format_instant(session.last_active),
        },
        "stats": {"filesUploaded": session.files_uploaded, "totalBytesUploaded": session.total_bytes},
        "files": [
            {
                "id": file.id,
                "name": file.name,
                "size": file.size,
                "uploadedDateTime": format_instant(file.uploaded),
                "sha256": file.sha256,
                "layout": file.layout,
                "rows": file.rows,
                "warnings": file.warnings,
                # Only where they are not the file itself, as in the manifests of earlier versions.
                **({} if file.made is None else {"@uploads.rows": {"blob": file.blobs[-1], **(rows_json(file) or {})}}),
            }
            for file in files
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()
