"""Uploads one file, as often as it takes, without counting it twice."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from accup.api.models import Session, StoredFile
from accup.api.multipart import FileForm, Progress
from accup.api.transport import Transport
from accup.errors import ApiError, UsageError

# A smaller file is sent before its compression would have saved anything.
_SMALLEST_TO_COMPRESS = 4 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """What is uploaded: a name, a size in bytes, what opens the file, and its SHA-256 (hex) once that is known."""

    name: str
    size: int
    opened: Callable[[], BinaryIO]
    sha256: Callable[[], str | None]

    @classmethod
    def of(
        cls,
        source: Path | Callable[[], BinaryIO],
        *,
        name: str | None,
        size: int | None,
        sha256: str | Callable[[], str | None] | None,
    ) -> "Upload":
        """An upload of a path, or of what a function opens.

        Raises:
            UsageError: the name or the size is not known.
        """
        digest = sha256 if callable(sha256) else lambda: sha256
        if isinstance(source, Path):
            return cls(
                name or source.name, source.stat().st_size if size is None else size, lambda: source.open("rb"), digest
            )
        if name is None or size is None:
            raise UsageError("An upload from a stream needs its name and its size in bytes.")
        return cls(name, size, source, digest)


class Uploader:
    """The uploads through a transport; remembers whether the service accepts compressed ones."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._accepts_gzip = not transport.target.is_graph

    def run(
        self,
        path: str,
        upload: Upload,
        *,
        read: Callable[[], Session],
        progress: Progress | None,
        compress: bool | None,
    ) -> Session:
        """Upload a file into the session at ``path``; ``read`` gives the session with its files."""
        sent_before = False

        def once() -> Session:
            nonlocal sent_before
            if sent_before:
                session = read()
                arrived = session.file(upload.name)
                if arrived is not None and _has_arrived(upload, arrived, session):
                    return session
            sent_before = True
            return self._send(path, upload, progress, compress)

        return self._transport.retrying(once)

    def _send(self, path: str, upload: Upload, progress: Progress | None, compress: bool | None) -> Session:
        # On this machine, compressing takes longer than sending.
        saves_time = upload.size >= _SMALLEST_TO_COMPRESS and not self._transport.target.is_loopback
        wanted = self._accepts_gzip and (saves_time if compress is None else compress)
        form = FileForm(
            upload.name,
            upload.size,
            upload.opened,
            sha256=upload.sha256(),
            compressed=wanted,
            progress=progress,
            cancelled=self._transport.cancelled,
        )
        try:
            answer = self._transport.once("POST", f"{path}/uploadFile", body=form)
        except ApiError as error:
            if error.status != 415 or not wanted:
                raise
            self._accepts_gzip = False
            return self._send(path, upload, progress, compress=False)
        return Session.from_json(answer.json())


def _has_arrived(upload: Upload, stored: StoredFile, session: Session) -> bool:
    """Whether an attempt whose answer was lost has stored the file.

    A service of ours counts a repeated file once, and answers 409 if the stored one has other contents: only an equal
    digest makes it unnecessary to ask. Graph would count the file twice, and tells no more than its size.
    """
    if stored.size != upload.size:
        return False
    if session.explains_refusals:
        return stored.sha256 is not None and upload.sha256() == stored.sha256
    return True
