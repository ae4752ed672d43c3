"""The body of an upload: ``multipart/form-data`` (RFC 7578) with one part named ``file``, parsed as a stream."""

import re

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.core.errors import BODY_TOO_LARGE, INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE, GraphError
from shared.models.requests import RequestBody

MAX_NAME_LENGTH = 255

# RFC 2046, section 5.1.1.
MAX_BOUNDARY_LENGTH = 70

# A file part has two or three headers, one of which has the name.
MAX_PART_HEADERS = 8
MAX_PART_HEADER_BYTES = 4096

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

_FORBIDDEN_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]")

# An unclosed quote ends with the header.
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"?')


class FormFile:
    """A parser without I/O for a form with one file: feed it the body in chunks, and get the file's bytes of each."""

    def __init__(self, content_type: str | None, *, max_form_bytes: int = 64 * 1024) -> None:
        """Start a body with this ``Content-Type``, which may have ``max_form_bytes`` in addition to the file.

        Raises:
            GraphError: 415 unless it is ``multipart/form-data`` with a boundary.
        """
        media_type, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        twice = _is_doubled(rb"boundary(?:\*[\d*]*)?", (content_type or "").encode("latin-1", "replace"))
        if media_type != b"multipart/form-data" or twice or not 1 <= len(boundary) <= MAX_BOUNDARY_LENGTH:
            raise GraphError(
                UNSUPPORTED_MEDIA_TYPE,
                "Send the file as a form: the header 'Content-Type: multipart/form-data; boundary=...', and one part "
                f"named 'file' with a filename. A boundary has 1 to {MAX_BOUNDARY_LENGTH} characters.",
            )
        self.name: str | None = None
        self._begun = False
        self._ended = False
        self._left = max_form_bytes
        self._pieces: list[bytes] = []
        self._field = bytearray()
        self._value = bytearray()
        self._disposition: bytes | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
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
        form = data
        if not self._begun:
            # Some clients send line breaks before the form. The parser would also skip anything else in the same chunk.
            form = data.lstrip(b"\r\n")
            self._begun = bool(form)
        try:
            self._parser.write(form)
        except FormParserError:
            raise GraphError(
                INVALID_REQUEST, "The body is not well-formed multipart/form-data.", target="body"
            ) from None
        # The parser skips what comes before and after the part, without a limit.
        self._left -= len(data) - sum(map(len, self._pieces))
        if self._left < 0:
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
        if not self._ended:
            raise GraphError(
                INVALID_REQUEST,
                "The body ends before its closing boundary: it was cut off. Send it again.",
                target="body",
            )
        if self.name is None:
            raise GraphError(INVALID_REQUEST, "The form has no part named 'file'.", target="file")
        return self.name

    def _on_part_begin(self) -> None:
        if self.name is not None:
            raise GraphError(
                INVALID_REQUEST, "The form has more than one part. Send one file in each request.", target="file"
            )
        self._disposition = None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if bytes(self._field).lower() == b"content-disposition":
            if self._disposition is not None:
                raise _two_names()
            self._disposition = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        disposition = self._disposition or b""
        if any(_is_doubled(parameter, disposition) for parameter in (rb"name", rb"filename")):
            raise _two_names()
        # filename* is ignored: it must not be used here (RFC 7578, 4.2), but .NET sends it in addition to filename.
        _, options = parse_options_header(disposition)
        if options.get(b"name") != b"file":
            raise GraphError(
                INVALID_REQUEST,
                "The form has a part that is not named 'file'. It must have exactly one part, with "
                '\'Content-Disposition: form-data; name="file"; filename="..."\'.',
                target="file",
            )
        self.name = _checked_name(options.get(b"filename"), disposition)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _is_doubled(parameter: bytes, header: bytes) -> bool:
    """Whether a parameter occurs twice: a proxy or scanner that reads the form may use the other one."""
    return len(re.findall(rb"[;,\s]%b\s*=" % parameter, _QUOTED.sub(b"", header), re.IGNORECASE)) > 1


def _two_names() -> GraphError:
    return GraphError(
        INVALID_REQUEST, "The part has more than one Content-Disposition, name or filename.", target="file"
    )


def _checked_name(raw: bytes | None, disposition: bytes) -> str:
    """A file's name as the caller gave it. It is shown and compared, and is never part of a path.

    Raises:
        GraphError: 400.
    """
    rule = f"A filename has 1 to {MAX_NAME_LENGTH} characters, and no path or control characters."
    if not raw:
        raise GraphError(INVALID_REQUEST, f"The part 'file' has no filename. {rule}", target="filename")
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise GraphError(INVALID_REQUEST, "The filename is not UTF-8 (RFC 7578, 5.1).", target="filename") from None
    # The parser silently removes a Windows path, as Internet Explorer sent it; this is an error instead.
    cut = rb'="\\' in disposition or re.search(rb'filename="?.:\\', disposition)
    if cut or len(name) > MAX_NAME_LENGTH or _FORBIDDEN_IN_NAMES.search(name) or not name.strip(" ."):
        raise GraphError(INVALID_REQUEST, f"The filename cannot be used. {rule}", target="filename")
    return name
