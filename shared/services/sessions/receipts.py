"""Receipts: what a session had when it was completed, which stays when the retention removes its files."""

import json
from collections.abc import Sequence

from shared.domain.audit import Actor
from shared.domain.sessions import Sealed, Session, StoredFile
from shared.models.responses import File
from shared.models.serializers import file_json
from shared.services.context import Context
from shared.storage.azure.table import Operation
from shared.storage.resource_partition.rows import put_receipt


def sealed(session: Session, files: Sequence[StoredFile], actor: Actor) -> tuple[Session, Operation]:
    """A complete session with the numbers of its receipt, and the operation that stores the receipt's files.

    Both go into the transaction of the completion, since later ones are not evidence of it.
    """
    caller = actor.caller
    numbers = Sealed(
        files=len(files),
        rows=sum(file.rows for file in files),
        size=sum(file.size for file in files),
        object_id=actor.object_id,
        app_id=(caller and caller.app_id) or None,
    )
    content = json.dumps([file_json(file) for file in files], ensure_ascii=False, separators=(",", ":")).encode()
    return session._replace(sealed=numbers), put_receipt(session.key, content)


async def removed_files(context: Context, session: Session) -> list[File] | None:
    """The files that a session was completed with, if the retention has removed them; else ``None``.

    One call, and only for such a session: before, its files tell the same.
    """
    if session.files_removed is None:
        return None
    content = await context.storage.sessions.receipt(session.key)
    files: list[File] = json.loads(content or b"[]")
    return files
