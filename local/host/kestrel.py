"""The HTTP server of our own host: uvicorn, with the limits and refusals of Kestrel, the server of Microsoft's host.

The limits are those of ``KestrelServerLimits`` ("Configure options for the ASP.NET Core Kestrel web server"). What is
answered, always without a body, was recorded from the real host.
"""

from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_REQUEST_LINE_BYTES = 8 * 1024
MAX_HEADERS_BYTES = 32 * 1024
MAX_HEADERS = 100

_VERSION_BYTES = len(" HTTP/1.1\r\n")


class KestrelProtocol(HttpToolsProtocol):
    """A connection. What Kestrel refuses is refused here, before the host sees it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parser = self._new_parser()
        self._refusal = HTTPStatus.BAD_REQUEST
        self._headers_bytes = 0
        self._in_head = False
        self._repeats_head = False

    def _new_parser(self) -> HttpRequestParser:
        parser = HttpRequestParser(self)
        # Kestrel prefers Transfer-Encoding to Content-Length; without this the parser refuses a request with both.
        parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_chunked_length=True)
        return parser

    def data_received(self, data: bytes) -> None:
        """Take what has arrived. An offer to upgrade the connection is ignored (RFC 9110, section 7.8).

        Java's HttpClient and ``curl --http2`` offer HTTP/2 so. The parser ends such a request with its head, and takes
        what follows for another protocol. So another parser goes on, which has seen the head without the offer.
        """
        self._unset_keepalive_if_required()
        try:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as offer:
                self.parser = self._new_parser()
                self._repeats_head = True
                self.parser.feed_data(self._head_without_offer())
                self._repeats_head = False
                if rest := data[offer.args[0] :]:
                    self.data_received(rest)
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _head_without_offer(self) -> bytes:
        framing = [each for each in self.headers if each[0] in (b"content-length", b"transfer-encoding")]
        return b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % each for each in framing)

    def _should_upgrade(self) -> bool:
        return False

    def on_message_complete(self) -> None:
        """End the request, unless the parser ends it because of an offer."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._repeats_head:
            return
        super().on_message_begin()
        self._headers_bytes = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """Take the next piece of the address, and refuse one that is too long."""
        if self._repeats_head:
            return
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
        if self._repeats_head:
            return
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
