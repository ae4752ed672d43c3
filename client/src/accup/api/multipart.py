"""The body of an upload: ``multipart/form-data`` (RFC 7578) with one file, read in pieces, compressed if wanted."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from secrets import token_hex
from threading import Event
from typing import BinaryIO

from accup.api.limits import body_too_large
from accup.errors import ConflictError, InterruptedByUserError, UsageError

# What is sent at a time, so that progress is fine, and what is read at a time, which saves processor time.
PIECE_BYTES = 256 * 1024
_BLOCK_BYTES = 1024 * 1024
# Above this level CSV shrinks little further, and compressing takes longer than most lines need for the bytes.
_LEVEL = 3
_GZIP = 16 + zlib.MAX_WBITS
# What is compressed to learn how small a file becomes.
_SAMPLE_BYTES = 4 * _BLOCK_BYTES

Progress = Callable[[int], None]


def check_name(name: str) -> None:
    """Check that a form can carry a file's name unchanged, and that the service accepts it.

    Raises:
        UsageError: it cannot.
    """
    allowed = name.isprintable() and not set(name) & set('"\\/') and name.strip(" .") and len(name) <= 255
    try:
        name.encode()
    except UnicodeEncodeError:
        allowed = False
    if not allowed:
        raise UsageError(
            f"{name!r} cannot be the name of an uploaded file. A name has 1 to 255 characters, and no quotes, "
            "backslashes, slashes or control characters. Rename the file."
        )


def form_length(name: str, size: int) -> int:
    """The bytes of a plain form with a file of ``size`` bytes."""
    boundary = _boundary()
    return len(_beginning(name, boundary)) + size + len(_end(boundary))


def compressed_length(opened: Callable[[], BinaryIO], length: int) -> int:
    """What ``length`` bytes of a form become if they compress as well as the file's beginning does."""
    with opened() as file:
        sample = file.read(_SAMPLE_BYTES)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    packed = len(packer.compress(sample)) + len(packer.flush())
    return length * packed // max(1, len(sample))


class FileForm:
    """A form with one file, which can be sent again: each iteration opens the file anew."""

    def __init__(
        self,
        name: str,
        size: int,
        opened: Callable[[], BinaryIO],
        *,
        sha256: str | None = None,
        compressed: bool = False,
        chunked: bool = False,
        most: int | None = None,
        progress: Progress | None = None,
        cancelled: Event | None = None,
    ) -> None:
        """Describe a file.

        Args:
            name: as the session will have it.
            size: in bytes; the file must have exactly as many.
            opened: opens the file for reading from its beginning.
            sha256: the digest (hex) that the file must have, if it is known.
            compressed: whether to send the form with ``Content-Encoding: gzip``.
            chunked: whether to send it with ``Transfer-Encoding: chunked`` and without a length.
            most: the bytes that may be sent; beyond them iterating raises.
            progress: is called with the number of the file's bytes sent so far.
            cancelled: once it is set, iterating raises.
        """
        check_name(name)
        boundary = _boundary()
        self._beginning = _beginning(name, boundary)
        self._end = _end(boundary)
        self._size = size
        self._name = name
        self._sha256 = sha256
        self._opened = opened
        self._compressed = compressed
        self._chunked = chunked or compressed
        self._most = most
        self._progress = progress
        self._cancelled = cancelled
        self._type = f"multipart/form-data; boundary={boundary}"
        self.sent = 0

    @property
    def headers(self) -> Mapping[str, str]:
        """Type and length; a compressed form is sent in chunks, since its length is not known before."""
        headers = {"Content-Type": self._type}
        if self._compressed:
            headers["Content-Encoding"] = "gzip"
        # Without a length, httpx sends chunks.
        if not self._chunked:
            headers["Content-Length"] = str(len(self._beginning) + self._size + len(self._end))
        return headers

    def __iter__(self) -> Iterator[bytes]:
        """The form's bytes; ``sent`` counts them."""
        self.sent = 0
        for piece in self._gzipped() if self._compressed else self._plain():
            self.sent += len(piece)
            if self._most is not None and self.sent > self._most:
                raise body_too_large(self._name, self._most, compressed=self._compressed)
            yield piece

    def _plain(self) -> Iterator[bytes]:
        read = 0
        digest = None if self._sha256 is None else hashlib.sha256()
        yield self._beginning
        with self._opened() as file:
            while block := file.read(_BLOCK_BYTES):
                read += len(block)
                if read > self._size:
                    break
                if digest is not None:
                    digest.update(block)
                yield from self._pieces(block, sent=read - len(block))
        # Without its end, the service does not accept the form.
        if read != self._size or (digest is not None and self._sha256 != digest.hexdigest()):
            raise ConflictError(f"'{self._name}' changed after it was checked. Run the same command again.")
        yield self._end

    def _pieces(self, block: bytes, *, sent: int) -> Iterator[bytes]:
        for start in range(0, len(block), PIECE_BYTES):
            if self._cancelled is not None and self._cancelled.is_set():
                raise InterruptedByUserError("Interrupted.")
            piece = block[start : start + PIECE_BYTES]
            yield piece
            if self._progress is not None:
                self._progress(sent + start + len(piece))

    def _gzipped(self) -> Iterator[bytes]:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        for piece in self._plain():
            if packed := packer.compress(piece):
                yield packed
        yield packer.flush()


def _boundary() -> str:
    return token_hex(16)


def _beginning(name: str, boundary: str) -> bytes:
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    ).encode()


def _end(boundary: str) -> bytes:
    return f"\r\n--{boundary}--\r\n".encode()
