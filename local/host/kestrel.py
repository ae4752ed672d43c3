"""The HTTP server of our own host: uvicorn, with the limits and refusals of Kestrel, the server of Microsoft's host.

The limits are those of ``KestrelServerLimits`` ("Configure options for the ASP.NET Core Kestrel web server"). What is
answered, always without a body, was recorded from the real host.
"""

from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, parse_url
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_REQUEST_LINE_BYTES = 8 * 1024
MAX_HEADERS_BYTES = 32 * 1024
MAX_HEADERS = 100

_VERSION_BYTES = len(" HTTP/1.1\r\n")


class KestrelProtocol(HttpToolsProtocol):
    """A connection. What Kestrel refuses is refused here, before the host sees it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Kestrel prefers Transfer-Encoding to Content-Length; without this the parser refuses a request with both.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_chunked_length=True)
        self._refusal = HTTPStatus.BAD_REQUEST
        self._headers_bytes = 0
        self._in_head = False

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._headers_bytes = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """Take the next piece of the address, and refuse one that is too long."""
        super().on_url(url)
        if len(self.parser.get_method()) + 1 + len(self.url) + _VERSION_BYTES > MAX_REQUEST_LINE_BYTES:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, and refuse too many or too large ones. Trailers are dropped."""
        if not self._in_head:
            return
        super().on_header(name, value)
        self._headers_bytes += len(name) + len(value) + len(": \r\n")
        if self._headers_bytes > MAX_HEADERS_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if not name.isascii() or not _is_utf8(value):
            self._refuse(HTTPStatus.BAD_REQUEST)

    def on_headers_complete(self) -> None:
        """Refuse an address of another host; the path is everything up to the question mark, a fragment included."""
        self._in_head = False
        address = self.url
        if not address.startswith(b"/"):
            absolute = parse_url(address)
            if dict(self.headers).get(b"host") != absolute.host + (b":%d" % absolute.port if absolute.port else b""):
                self._refuse(HTTPStatus.BAD_REQUEST)
            address = address[address.index(absolute.path, address.index(absolute.host)) :]
        self.url = address.replace(b"#", b"%23")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body. There is no 100 Continue for a client that did not wait (RFC 9110, 10.1.1)."""
        self.cycle.waiting_for_100_continue = False
        super().on_body(body)

    def _refuse(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise HttpParserError(status.phrase)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or is refused, without a body."""
        del msg
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            % (self._refusal.value, self._refusal.phrase.encode())
        )
        self.transport.close()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
