"""Decodes the content of a part that has a ``Content-Transfer-Encoding``, as it arrives.

RFC 7578 (section 4.7) deprecates the header, since HTTP needs none. Clients that make their forms with a library for
mail send it all the same: Ansible's ``uri``, ``curl -F 'file=@a.csv;encoder=base64'``.
"""

import binascii
import re
from typing import Protocol

from shared.core.errors import INVALID_REQUEST, GraphError

# RFC 2045, section 6.2: these say what the bytes are, and leave them as they are.
_UNENCODED = ("", "7bit", "8bit", "binary")

_NOT_QUOTED_PRINTABLE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)")


class Decoder(Protocol):
    """Decodes the content of one part. Both methods raise a GraphError (400) for content that is not so encoded."""

    def feed(self, data: bytes) -> bytes:
        """What the next piece of the content decodes to, as far as that is certain."""

    def close(self) -> None:
        """End the content."""


def decoder(encoding: str) -> Decoder:
    """The decoder for the value of the header ``Content-Transfer-Encoding``.

    Raises:
        GraphError: 400 for an encoding that is not known.
    """
    name = encoding.strip().lower()
    if name in _UNENCODED:
        return _Unencoded()
    if name == "base64":
        return _Base64()
    if name == "quoted-printable":
        return _QuotedPrintable()
    raise GraphError(
        INVALID_REQUEST,
        f"The part has the header 'Content-Transfer-Encoding: {encoding.strip()[:40]}'. Supported: base64, "
        "quoted-printable. It is best to send the file without this header, as it is (RFC 7578, section 4.7).",
        target="body",
    )


class _Unencoded:
    def feed(self, data: bytes) -> bytes:
        return data

    def close(self) -> None:
        pass


class _Base64:
    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        letters = self._rest + data.translate(None, b"\r\n\t ")
        whole = len(letters) - len(letters) % 4
        groups, self._rest = letters[:whole], letters[whole:]
        if not groups:
            return b""
        try:
            decoded = binascii.a2b_base64(groups, strict_mode=True)
        except binascii.Error:
            raise _not_encoded("base64") from None
        if self._ended:
            raise _not_encoded("base64")
        self._ended = groups.endswith(b"=")
        return decoded

    def close(self) -> None:
        if self._rest:
            raise _not_encoded("base64")


class _QuotedPrintable:
    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        text = self._rest + data
        # An equals sign needs the two bytes that follow it.
        begun = text.rfind(b"=", -2)
        self._rest = b"" if begun < 0 else text[begun:]
        text = text if begun < 0 else text[:begun]
        if _NOT_QUOTED_PRINTABLE.search(text):
            raise _not_encoded("quoted-printable")
        return binascii.a2b_qp(text)

    def close(self) -> None:
        # A line break that belongs to the boundary can be the one that the sign removes.
        if self._rest not in (b"", b"=", b"=\n"):
            raise _not_encoded("quoted-printable")


def _not_encoded(encoding: str) -> GraphError:
    return GraphError(
        INVALID_REQUEST,
        f"The part has the header 'Content-Transfer-Encoding: {encoding}', and its content is not valid {encoding}. "
        "Send the file as it is, without this header.",
        target="body",
    )
