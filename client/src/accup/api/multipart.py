"""The body of an upload: ``multipart/form-data`` (RFC 7578) with one file, read in pieces, compressed if wanted."""

import hashlib
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import BinaryIO
from urllib.parse import quote

from accup.errors import ApiError, ConflictError, UsageError

# What is sent at a time, so that progress is fine, and what is read at a time, which saves processor time.
PIECE_BYTES = 256 * 1024
_BLOCK_BYTES = 1024 * 1024
# Above this level CSV shrinks little further, and compressing takes longer than most lines need for the bytes.
_LEVEL = 3
_GZIP = 16 + zlib.MAX_WBITS
# What is compressed to learn how small a file becomes.
_SAMPLE_BYTES = 4 * _BLOCK_BYTES

Progress = Callable[[int], None]


@dataclass(slots=True)
class Upload:
    """One file on its way into a session.

    ``size`` is in bytes. ``opened`` opens the file for reading from its beginning, for each attempt. ``sha256`` (hex)
    is what the file must have; if it is not known, what the file had when it was first read to its end. ``progress`` is
    called with the number of the file's bytes sent so far. ``compress`` is the caller's wish, if there is one.
    ``answered`` is set when the service has said that it accepted this very upload.
    """

    name: str
    size: int
    opened: Callable[[], BinaryIO]
    sha256: str | None = None
    progress: Progress | None = None
    compress: bool | None = None
    answered: bool = False

    def __post_init__(self) -> None:
        """Check the name, and give it the form of names."""
        check_name(self.name)
        self.name = normalized(self.name)
        self.sha256 = self.sha256 and self.sha256.lower()


def normalized(name: str) -> str:
    """A file's name in the Unicode form in which the service has it (NFC): macOS gives names in another one."""
    return unicodedata.normalize("NFC", name)


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


def too_large(message: str) -> ApiError:
    """The error for a file above a limit, as the service would answer: callers need not tell the two apart."""
    return ApiError(413, message, code="invalidRequest", inner={"code": "maxFileSizeExceeded"})


@dataclass(slots=True)
class FileForm:
    """A form with one file, which can be sent again: each iteration opens the file anew.

    ``compressed``: with ``Content-Encoding: gzip``, and then always in chunks, since its length is not known before.
    ``chunked``: with ``Transfer-Encoding: chunked``, and without a length. ``most``: the bytes that may be sent; beyond
    them iterating raises. ``sent``: the bytes that the latest iteration has given.
    """

    upload: Upload
    compressed: bool = False
    chunked: bool = False
    most: int | None = None
    sent: int = 0
    _boundary: str = field(default_factory=lambda: token_hex(16))

    @property
    def headers(self) -> Mapping[str, str]:
        """Type and length."""
        headers = {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}
        if self.compressed:
            headers["Content-Encoding"] = "gzip"
        # Without a length, httpx sends chunks.
        elif not self.chunked:
            headers["Content-Length"] = str(self.plain_length)
        return headers

    @property
    def plain_length(self) -> int:
        """The form's bytes if it is not compressed."""
        return len(self._beginning) + self.upload.size + len(self._end)

    def check_length(self) -> None:
        """Check that the form has at most ``most`` bytes, or is likely to if it is compressed.

        Raises:
            ApiError: it has more (413).
        """
        if self.most is None or self.plain_length <= self.most:
            return
        if not self.compressed or self._compressed_length() > self.most:
            raise self._too_large(self.most)

    def __iter__(self) -> Iterator[bytes]:
        """The form's bytes.

        Raises:
            ApiError: they are more than ``most`` (413).
            ConflictError: the file does not have its size or its digest.
        """
        self.sent = 0
        for piece in self._gzipped() if self.compressed else self._plain():
            self.sent += len(piece)
            if self.most is not None and self.sent > self.most:
                raise self._too_large(self.most)
            yield piece

    def _plain(self) -> Iterator[bytes]:
        upload = self.upload
        read = 0
        digest = hashlib.sha256()
        yield self._beginning
        with upload.opened() as file:
            while block := file.read(_BLOCK_BYTES):
                if read + len(block) > upload.size:
                    raise self._changed()
                digest.update(block)
                for start in range(0, len(block), PIECE_BYTES):
                    piece = block[start : start + PIECE_BYTES]
                    yield piece
                    read += len(piece)
                    if upload.progress is not None:
                        upload.progress(read)
        # Without its end, the service does not accept the form.
        if read != upload.size or upload.sha256 not in (None, digest.hexdigest()):
            raise self._changed()
        upload.sha256 = digest.hexdigest()
        yield self._end

    def _gzipped(self) -> Iterator[bytes]:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        for piece in self._plain():
            if packed := packer.compress(piece):
                yield packed
        yield packer.flush()

    def _compressed_length(self) -> int:
        """What the form's bytes become if they compress as well as the file's beginning does."""
        with self.upload.opened() as file:
            sample = file.read(_SAMPLE_BYTES)
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        packed = len(packer.compress(sample)) + len(packer.flush())
        return self.plain_length * packed // max(1, len(sample))

    def _changed(self) -> ConflictError:
        return ConflictError(f"'{self.upload.name}' changed after it was checked. Run the same command again.")

    def _too_large(self, most: int) -> ApiError:
        how = "even compressed, which is" if self.compressed else "which is"
        return too_large(
            f"'{self.upload.name}' needs a request body of more than {most:,} bytes, {how} the most that the service's "
            "host accepts. Split the file, or let the administrator raise FUNCTIONS_REQUEST_BODY_SIZE_LIMIT."
        )

    @property
    def _beginning(self) -> bytes:
        name = self.upload.name
        # The service decodes a name that is percent-encoded as a whole. filename* says that this one is not.
        exact = f"; filename*=UTF-8''{quote(name, safe='')}" if "%" in name else ""
        return (
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"{exact}\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()

    @property
    def _end(self) -> bytes:
        return f"\r\n--{self._boundary}--\r\n".encode()
