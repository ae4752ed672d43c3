"""The body of an upload: ``multipart/form-data`` (RFC 7578) with one part named ``file``, parsed as a stream."""

import re
from collections.abc import Mapping

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from shared.core.errors import BODY_TOO_LARGE, INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE, GraphError, shortened
from shared.models.bodies import RequestBody
from shared.models.file_names import file_name, parameters_of
from shared.models.form_faults import (
    MAX_PART_HEADER_BYTES,
    MAX_PART_HEADERS,
    fault_of_beginning,
    fault_of_content_type,
    fault_of_end,
    unfolded,
)
from shared.models.requests import IMPORT_BODY
from shared.models.transfer_encodings import Decoder, decoder

# RFC 2046, section 5.1.1.
MAX_BOUNDARY_LENGTH = 70

# Of the end of a body, for the message if it has no closing boundary.
_TAIL_BYTES = 256

# For each byte of a file: quoted-printable takes three, and a line break now and then.
_MAX_ENCODED_BYTES = 4

# Line breaks, and the byte order mark that Windows PowerShell writes at the beginning of a text file.
_BEFORE = re.compile(rb"(?:[\r\n]|\xef\xbb\xbf)*+")

# Of two of them, one might be taken by a program, and the other one by another.
_SINGLE_HEADERS = (b"content-disposition", b"content-transfer-encoding")

IMPORT = "import"

FORM_BODY = RequestBody(
    "multipart/form-data",
    lambda _: {
        "type": "object",
        "properties": {
            "file": {"type": "string", "format": "binary", "description": "A CSV file, with its name as filename."}
        },
        "required": ["file"],
    },
)


TRIED_BODY = RequestBody(
    "multipart/form-data",
    lambda dialect: {
        "type": "object",
        "properties": {
            IMPORT: IMPORT_BODY.schema(dialect),
            "file": {"type": "string", "format": "binary", "description": "A CSV file, with its name as filename."},
        },
        "required": ["file"],
    },
)
"""The same, after what is to be tried as the declaration for the file."""


class FormFile:
    """A parser without I/O for a form with one file: feed it the body in chunks, and get the file's bytes of each.

    ``field`` is the content of a part before the file, if such a part is allowed and was sent.
    """

    def __init__(
        self, content_type: str | None, *, max_form_bytes: int = 64 * 1024, field_name: str | None = None
    ) -> None:
        """Start a body with this ``Content-Type``, which may have ``max_form_bytes`` in addition to the file.

        Before the file there may be a part with the name ``field_name``.

        Raises:
            GraphError: 415 unless it is ``multipart/form-data`` with a boundary.
        """
        self._boundary = _boundary_of((content_type or "").encode("latin-1", "replace"))
        self.name: str | None = None
        self.field: bytes | None = None
        self._field_name = field_name
        self._max_form_bytes = max_form_bytes
        self._received_bytes = 0
        self._content_bytes = 0
        self._file_bytes = 0
        # Up to the end of the first part's headers, which are looked at as a whole. Then None.
        self._beginning: bytearray | None = bytearray()
        self._tail = b""
        self._ended = False
        self._pieces: list[bytes] = []
        self._field = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._decoder: Decoder = decoder("")
        self._parser = MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )

    def feed(self, data: bytes) -> list[bytes]:
        """The file's bytes in the next chunk of the body.

        Raises:
            GraphError: 400, when the form is not valid.
        """
        self._pieces = []
        form = data if self._beginning is None else self._begun(self._beginning, data)
        if not self._ended:
            self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        try:
            self._parser.write(form)
        except FormParserError:
            raise _bad_form("The form has a second part, whose headers cannot be read. Send one file.") from None
        self._received_bytes += len(data)
        self._file_bytes += sum(map(len, self._pieces))
        # The parser reads what is before and after the part without a limit, and a decoder what an encoding adds.
        file_bytes = min(self._content_bytes, _MAX_ENCODED_BYTES * self._file_bytes)
        if self._received_bytes - file_bytes > self._max_form_bytes:
            raise GraphError(
                BODY_TOO_LARGE,
                "The form has too many bytes in addition to its file. The limit is UPLOADS_MAX_FORM_BYTES.",
                target="body",
            )
        return self._pieces

    def close(self) -> str:
        """End the body; returns the file's name.

        Raises:
            GraphError: 400, when the body was cut off, or has no file.
        """
        if self._beginning is not None:
            self._check_beginning(bytes(self._beginning), at_end=True)
        if not self._ended or self.name is None:
            raise _bad_form(fault_of_end(self._tail, self._boundary))
        return self.name

    def _begun(self, beginning: bytearray, data: bytes) -> bytes:
        """What the parser gets: the form from its first boundary on, once all headers of the first part have come.

        What some clients send before it is left out.
        """
        beginning += data
        del beginning[: len(_before(beginning))]
        end = beginning.find(b"\r\n\r\n", 0, self._max_form_bytes)
        if end < 0:
            if len(beginning) > self._max_form_bytes:
                self._check_beginning(bytes(beginning[: self._max_form_bytes]), at_end=False)
            return b""
        self._beginning = None
        head = bytes(beginning[: end + 4])
        self._check_beginning(head, at_end=False)
        # Behind the boundary there may be blanks (RFC 2046, section 5.1.1).
        _, _, headers = head.partition(b"\r\n")
        return b"--%b\r\n%b%b" % (self._boundary, unfolded(headers), bytes(beginning[end + 4 :]))

    def _check_beginning(self, beginning: bytes, *, at_end: bool) -> None:
        fault = fault_of_beginning(beginning, self._boundary, at_end=at_end)
        if fault is not None:
            raise _bad_form(fault)

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        field = bytes(self._field).lower()
        if field in self._headers and field in _SINGLE_HEADERS:
            raise _bad_form(f"The part has the header {field.decode().title()} twice. Send it once.")
        self._headers[field] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        parameters = _disposition(self._headers.get(b"content-disposition", b""))
        name = parameters.get(b"name", b"").decode("utf-8", "replace")
        if self.name is not None:
            raise GraphError(
                INVALID_REQUEST,
                f"The form has a second part, {_described(name, parameters)}. Send one file in each request.",
                target="file",
            )
        if name == self._field_name and self.field is None:
            self.field = b""
            self._decoder = decoder(self._headers.get(b"content-transfer-encoding", b"").decode("latin-1"))
            return
        if name != "file":
            raise GraphError(
                INVALID_REQUEST,
                f"The form has a part named '{shortened(name)}', and not 'file'. It must have exactly one part, with "
                '\'Content-Disposition: form-data; name="file"; filename="..."\'.',
                target="file",
            )
        self.name = file_name(parameters)
        self._decoder = decoder(self._headers.get(b"content-transfer-encoding", b"").decode("latin-1"))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.name is None:
            self.field = (self.field or b"") + self._decoder.feed(data[start:end])
            return
        self._content_bytes += end - start
        self._pieces.append(self._decoder.feed(data[start:end]))

    def _on_part_end(self) -> None:
        self._decoder.close()

    def _on_end(self) -> None:
        self._ended = True


def _before(beginning: bytes | bytearray) -> bytes:
    """What is left out before a form."""
    found = _BEFORE.match(beginning)
    return found[0] if found else b""


def _boundary_of(content_type: bytes) -> bytes:
    """The boundary in a header ``Content-Type``.

    Raises:
        GraphError: 415 unless it is ``multipart/form-data`` with one boundary.
    """
    media_type, _, _ = content_type.partition(b";")
    found = parameters_of(content_type)
    parameters: Mapping[bytes, bytes] = {} if found is None else found[1]
    boundary = parameters.get(b"boundary", b"")
    others = [name for name in parameters if name.startswith(b"boundary*")]
    usable = 1 <= len(boundary) <= MAX_BOUNDARY_LENGTH and not others and b"," not in boundary
    if found is None or found[0] != b"multipart/form-data" or not usable:
        given = boundary if found is None or others or b"boundary" in parameters else None
        raise GraphError(
            UNSUPPORTED_MEDIA_TYPE,
            fault_of_content_type(media_type.strip().lower(), given, MAX_BOUNDARY_LENGTH),
        )
    return boundary


def _disposition(header: bytes) -> Mapping[bytes, bytes]:
    """The parameters of the header ``Content-Disposition`` of a part.

    Raises:
        GraphError: 400, if it cannot be read, or has one of them twice.
    """
    found = parameters_of(header)
    if found is None:
        raise GraphError(
            INVALID_REQUEST,
            "The Content-Disposition of the part cannot be read, or has a name or filename twice. It must be like "
            '\'form-data; name="file"; filename="access.csv"\', with \\" for a quote in a name.',
            target="file",
        )
    return found[1]


def _described(name: str, parameters: Mapping[bytes, bytes]) -> str:
    """What a part is called, for a message."""
    filename = parameters.get(b"filename", b"").decode("utf-8", "replace")
    return f"named '{shortened(name)}'" + (f" with the file '{shortened(filename)}'" if filename else "")


def _bad_form(reason: str) -> GraphError:
    return GraphError(INVALID_REQUEST, reason, target="body")
