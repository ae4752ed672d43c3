"""Uploads one file, as often as it takes, without counting it twice, and only if the service's limits allow it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from accup.api.answers import Answer
from accup.api.host_answers import HOST_BODY_BYTES
from accup.api.models import Checked, Session
from accup.api.multipart import FileForm, Upload, too_large
from accup.api.retries import TransientError
from accup.api.transport import Transport
from accup.errors import AccupError, ApiError, ConflictError, HostError, ServiceError

# A smaller file is sent before its compression would have saved anything.
_SMALLEST_TO_COMPRESS = 4 * 1024

CHUNKED_ABOVE_BYTES = 1024 * 1024
"""A larger form is sent in chunks to a service of ours, and only after a look at the session and the limits.

Microsoft's Functions host reads a body with ``Content-Length`` into memory before the function is called, 5.7 bytes
for each byte of it; a chunked one streams (seen on Functions host 4.1037.0: 800 MB took 4,759 MB with a length, and
174 MB in chunks). And it hands on an early answer, such as 401 or 409, only when the whole body was sent, if at all.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest number of files in a session, file, and request body (both in bytes); ``None`` where unknown."""

    max_files: int | None = None
    max_file_bytes: int | None = None
    max_body_bytes: int | None = None

    @classmethod
    def from_json(cls, body: Any) -> "Limits":
        """The limits in an answer of ``/uploads/config``; none if it has another form."""
        limits = body.get("limits") if isinstance(body, Mapping) else None
        if not isinstance(limits, Mapping):
            return cls()
        values = [limits.get(name) for name in ("maxFiles", "maxFileBytes", "maxBodyBytes")]
        return cls(*(value if isinstance(value, int) and value > 0 else None for value in values))

    def check(self, upload: Upload, session: Session) -> None:
        """Check that the service accepts a file of this size, and one more file.

        Raises:
            ApiError: the file is too large (413).
            ConflictError: the session is full.
        """
        if self.max_file_bytes is not None and upload.size > self.max_file_bytes:
            raise too_large(
                f"'{upload.name}' has {upload.size:,} bytes, and the service accepts files of at most "
                f"{self.max_file_bytes:,} bytes. "
                "Split the file, or let the administrator raise UPLOADS_MAX_FILE_BYTES."
            )
        if self.max_files is not None and len(session.files) >= self.max_files and session.file(upload.name) is None:
            raise ConflictError(
                f"'{upload.name}' cannot be uploaded: the upload session {session.id} has {self.max_files:,} files, "
                "which is the most that the service accepts. The administrator can raise UPLOADS_MAX_FILES."
            )


class Uploader:
    """The uploads through a transport; remembers the service's limits, and whether it accepts compressed forms."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._accepts_gzip = not transport.target.is_graph
        self._limits: Limits | None = None
        self._asking = Lock()

    def run(self, path: str, upload: Upload, read: Callable[[], Session]) -> Session:
        """Upload a file into the session at ``path``; ``read`` gives the session with its files."""
        large = FileForm(upload).plain_length > CHUNKED_ABOVE_BYTES and not self._transport.target.is_graph
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
                    limits = self._known_limits()
                    limits.check(upload, session)
            sent_before = sending = True
            answer = self._send(f"{path}/uploadFile", upload, limits)
            upload.answered = True
            return Session.from_json(answer.json())

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

    def _known_limits(self) -> Limits:
        """The service's limits, asked once; all unknown where it does not tell them."""
        with self._asking:
            if self._limits is None:
                try:
                    answer = self._transport.request("GET", self._transport.target.configuration)
                    self._limits = Limits.from_json(answer.json())
                except (AccupError, ValueError):
                    self._limits = Limits()
            return self._limits

    def check(self, path: str, upload: Upload) -> Checked:
        """Have a service of ours check a file, of which the session at ``path`` gets nothing."""
        limits = self._known_limits()
        answer = self._transport.retrying(lambda: self._send(f"{path}/validateFile", upload, limits))
        return Checked.from_json(answer.json())

    def _send(self, path: str, upload: Upload, limits: Limits | None) -> Answer:
        """Send a file once. ``limits`` are those of a service of ours, which gets the file in chunks."""
        most = limits.max_body_bytes if limits else None
        compressed = self._accepts_gzip and self._compresses(upload, most)
        form = FileForm(upload, compressed, chunked=limits is not None, most=most)
        form.check_length()
        try:
            return self._transport.once("POST", path, body=form)
        except ApiError as error:
            if error.status != 415 or not compressed:
                raise
            self._accepts_gzip = False
            return self._send(path, upload, limits)
        except TransientError as failure:
            # Most likely the host's limit, which the service did not tell: the next attempt would end in the same way.
            refused = isinstance(failure.error, HostError) and failure.error.status == 500
            if refused and most is None and form.sent > HOST_BODY_BYTES:
                raise failure.error from None
            raise

    def _compresses(self, upload: Upload, most: int | None) -> bool:
        """Whether to send a file compressed: as the caller says, or else if it saves time or does not fit otherwise."""
        if upload.compress is not None:
            return upload.compress
        # On this machine, compressing takes longer than sending.
        saves_time = upload.size >= _SMALLEST_TO_COMPRESS and not self._transport.target.is_loopback
        return saves_time or (most is not None and FileForm(upload).plain_length > most)


def _has_arrived(upload: Upload, session: Session) -> bool:
    """Whether an attempt whose answer was lost has stored the file.

    A service of ours counts a repeated file once, and answers 409 if the stored one has other contents: only an equal
    digest makes it unnecessary to ask. Graph would count the file twice, and tells no more than its size.
    """
    stored = session.file(upload.name)
    if stored is None or stored.size != upload.size:
        return False
    if session.explains_refusals:
        return stored.sha256 is not None and upload.sha256 == stored.sha256
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
