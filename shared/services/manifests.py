"""Writes the manifest of a complete session."""

from collections.abc import Sequence
from datetime import timedelta

from shared.core.ids import utc_now
from shared.domain.lifecycle import keeps_files
from shared.domain.sessions import Session, StoredFile
from shared.models.manifest import manifest
from shared.storage.blobs import MANIFEST, BlobStore
from shared.storage.session_table import SessionTable


async def write_manifest(
    table: SessionTable,
    blobs: BlobStore,
    session: Session,
    files: Sequence[StoredFile],
    *,
    retention: timedelta | None,
) -> None:
    """Write the manifest of a complete session, unless it exists or the session's files are removed.

    A complete session does not change until then, so its manifest is the same at any time.
    """
    if not keeps_files(session, utc_now(), retention):
        return
    await blobs.put_manifest(session.key, manifest(session, files))
    # The write of a blob cannot be conditional on a row: the removal of the files may have begun meanwhile.
    current = await table.session(session.key)
    if current is None or current.files_removed is not None:
        await blobs.delete(session.key, [MANIFEST])
