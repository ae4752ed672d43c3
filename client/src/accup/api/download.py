"""Downloads a file, and verifies that it is what the session says."""

import hashlib
from typing import BinaryIO

from accup.api.models import StoredFile
from accup.api.multipart import PIECE_BYTES, Progress
from accup.api.transport import Transport
from accup.errors import ConflictError, InterruptedByUserError


def download(transport: Transport, path: str, file: StoredFile, to: BinaryIO, progress: Progress | None) -> str:
    """Write the bytes at ``path`` to ``to``, and give their SHA-256 (hex).

    Raises:
        ConflictError: size or digest are not what the session says.
    """

    def once() -> str:
        to.seek(0)
        to.truncate()
        digest = hashlib.sha256()
        size = 0
        with transport.download(path) as answer:
            for piece in answer.iter_bytes(PIECE_BYTES):
                if transport.cancelled.is_set():
                    raise InterruptedByUserError("Interrupted.")
                digest.update(piece)
                size += len(piece)
                to.write(piece)
                if progress is not None:
                    progress(size)
        found = digest.hexdigest()
        if size != file.size or (file.sha256 is not None and found != file.sha256):
            raise ConflictError(
                f"'{file.name}' was downloaded with {size} bytes and SHA-256 {found}, but the session says "
                f"{file.size} bytes and SHA-256 {file.sha256 or 'unknown'}."
            )
        return found

    return transport.retrying(once)
