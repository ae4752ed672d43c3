"""Uploads one file, as often as it takes, without counting it twice."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from accup.api.host_answers import HOST_BODY_BYTES
from accup.api.limits import Limits, ServiceLimits, body_too_large
from accup.api.models import Session
from accup.api.multipart import FileForm, Progress, compressed_length, form_length
from accup.api.retries import TransientError
from accup.api.transport import Transport
from accup.errors import ApiError, ConflictError, HostError, ServiceError, UsageError

# A smaller file is sent before its compression would have saved anything.
_SMALLEST_TO_COMPRESS = 4 * 1024

CHUNKED_ABOVE_BYTES = 1024 * 1024
"""A larger form is sent in chunks to a service of ours, and only after a look at the session and the limits.

Microsoft's Functions host reads a body with ``Content-Length`` into memory before the function is called, 5.7 bytes
for each byte of it; a chunked one streams (seen on Functions host 4.1037.0: 800 MB took 4,759 MB with a length, and
174 MB in chunks). And it hands on an early answer, such as 401 or 409, only when the whole body was sent, if at all.
"""


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
    """The uploads through a transport; remembers the service's limits, and whether it accepts compressed forms."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._limits = ServiceLimits(transport)
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
        large = form_length(upload.name, upload.size) > CHUNKED_ABOVE_BYTES and not self._transport.target.is_graph
        sent_before = sending = False

        def once() -> Session:
            nonlocal sent_before, sending
            sending = False
            limits = None
            if large or sent_before:
                session = read()
                if sent_before and _has_arrived(upload, session):
                    return session
                _check_is_active(upload, session)
                if large and session.explains_refusals:
                    limits = self._limits.get()
                    _check_fits(upload, session, limits)
            sent_before = sending = True
            return self._send(path, upload, limits, progress, compress)

        try:
            return self._transport.retrying(once)
        except (HostError, ServiceError):
            # The answer of the service may have been lost on its way. A look tells what it was.
            if not sending:
                raise
            session = read()
            if _has_arrived(upload, session):
                return session
            _check_is_active(upload, session)
            raise

    def _send(
        self, path: str, upload: Upload, limits: Limits | None, progress: Progress | None, compress: bool | None
    ) -> Session:
        """Send a file once. ``limits`` are those of a service of ours, which gets the file in chunks."""
        most = limits.max_body_bytes if limits else None
        compressed = self._accepts_gzip and self._compresses(upload, most, compress)
        if most is not None and not _fits(upload, most, compressed=compressed):
            raise body_too_large(upload.name, most, compressed=compressed)
        form = FileForm(
            upload.name,
            upload.size,
            upload.opened,
            sha256=upload.sha256(),
            compressed=compressed,
            chunked=limits is not None,
            most=most,
            progress=progress,
            cancelled=self._transport.cancelled,
        )
        try:
            answer = self._transport.once("POST", f"{path}/uploadFile", body=form)
        except ApiError as error:
            if error.status != 415 or not compressed:
                raise
            self._accepts_gzip = False
            return self._send(path, upload, limits, progress, compress=False)
        except TransientError as failure:
            # Most likely the host's limit, which the service did not tell: the next attempt would end in the same way.
            refused = isinstance(failure.error, HostError) and failure.error.status == 500
            if refused and most is None and form.sent > HOST_BODY_BYTES:
                raise failure.error from None
            raise
        return Session.from_json(answer.json())

    def _compresses(self, upload: Upload, most: int | None, compress: bool | None) -> bool:
        """Whether to send a file compressed: as the caller says, or else if it saves time or does not fit otherwise."""
        if compress is not None:
            return compress
        # On this machine, compressing takes longer than sending.
        saves_time = upload.size >= _SMALLEST_TO_COMPRESS and not self._transport.target.is_loopback
        return saves_time or (most is not None and form_length(upload.name, upload.size) > most)


def _fits(upload: Upload, most: int, *, compressed: bool) -> bool:
    """Whether a file's form has at most ``most`` bytes, or is likely to if it is compressed."""
    plain = form_length(upload.name, upload.size)
    return plain <= most or (compressed and compressed_length(upload.opened, plain) <= most)


def _has_arrived(upload: Upload, session: Session) -> bool:
    """Whether an attempt whose answer was lost has stored the file.

    A service of ours counts a repeated file once, and answers 409 if the stored one has other contents: only an equal
    digest makes it unnecessary to ask. Graph would count the file twice, and tells no more than its size.
    """
    stored = session.file(upload.name)
    if stored is None or stored.size != upload.size:
        return False
    if session.explains_refusals:
        return stored.sha256 is not None and upload.sha256() == stored.sha256
    return True


def _check_is_active(upload: Upload, session: Session) -> None:
    """Check that files can be added.

    Raises:
        ConflictError: the session is complete or has expired.
    """
    if session.status in ("complete", "expired"):
        raise ConflictError(
            f"'{upload.name}' cannot be uploaded: the upload session {session.id} is {session.status}, so that nothing "
            "can be added to it."
        )


def _check_fits(upload: Upload, session: Session, limits: Limits) -> None:
    """Check a file against the limits.

    Raises:
        ApiError: it is too large (413).
        ConflictError: the session is full.
    """
    limits.check_file(upload.name, upload.size)
    if limits.max_files is not None and len(session.files) >= limits.max_files and session.file(upload.name) is None:
        raise ConflictError(
            f"'{upload.name}' cannot be uploaded: the upload session {session.id} has {limits.max_files:,} files, "
            "which is the most that the service accepts. The administrator can raise UPLOADS_MAX_FILES."
        )
