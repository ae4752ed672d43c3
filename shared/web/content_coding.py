"""Decodes bodies with ``Content-Encoding: gzip`` as a stream, in constant memory."""

import asyncio
import zlib
from collections.abc import AsyncIterator

from shared.core.errors import INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE, GraphError

GZIP = "gzip"

# RFC 9110, section 8.4.1.3: x-gzip is equivalent to gzip.
_NAMES = {"identity": None, "gzip": GZIP, "x-gzip": GZIP}

# zlib: 16 is for the gzip format, 15 for the largest window.
_WINDOW_BITS = 16 + 15

_PIECE_BYTES = 64 * 1024

# CSV files of access data shrink to a tenth, very repetitive ones to a hundredth. Deflate reaches a thousandth, which
# would make a body of 1 MB use a core for seconds.
MAX_RATIO = 200
_ALWAYS_ALLOWED_BYTES = 1024 * 1024

# A member costs as much as kilobytes of a CSV file, also one without data. Programs that write several, such as bgzip,
# put 64 KiB of data into each.
_LEAST_MEMBER_BYTES = 256
_ALWAYS_ALLOWED_MEMBERS = 1000


def content_coding(header: str | None, supported: tuple[str, ...]) -> str | None:
    """The coding in the header ``Content-Encoding``; ``None`` for none.

    Raises:
        GraphError: 415 with ``Accept-Encoding`` (RFC 7694) if the coding is not supported.
    """
    name = (header or "identity").strip().lower()
    coding = _NAMES.get(name)
    if name not in _NAMES or (coding is not None and coding not in supported):
        accepted = ", ".join(supported) or "identity"
        alternative = f"Send the body with Content-Encoding: {accepted}, or" if supported else "Send the body"
        raise GraphError(
            UNSUPPORTED_MEDIA_TYPE,
            f"This operation does not support the value of the header Content-Encoding. {alternative} without "
            "compression.",
            headers={"Accept-Encoding": accepted},
        )
    return coding


async def gunzipped(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The decoded bytes of a gzip stream, which can have several members (RFC 1952, section 2.2).

    Raises:
        GraphError: 400 if the stream is malformed, incomplete, expands more than ``MAX_RATIO`` times, or has many small
            members.
    """
    encoded, decoded, members = 0, 0, 1
    member = zlib.decompressobj(_WINDOW_BITS)
    async for piece in body:
        encoded += len(piece)
        rest = piece
        while rest:
            if member.eof:
                members += 1
                if members > max(_ALWAYS_ALLOWED_MEMBERS, encoded // _LEAST_MEMBER_BYTES):
                    raise _invalid("has very many small members. Send it as one member")
                member = zlib.decompressobj(_WINDOW_BITS)
                # Bodies with many small members must not block other requests.
                await asyncio.sleep(0)
            try:
                data = member.decompress(rest, _PIECE_BYTES)
            except zlib.error:
                raise _invalid("is malformed, or has other bytes after its end") from None
            rest = member.unused_data if member.eof else member.unconsumed_tail
            decoded += len(data)
            if decoded > max(_ALWAYS_ALLOWED_BYTES, MAX_RATIO * encoded):
                raise _invalid(f"expands to more than {MAX_RATIO} times its size. Send it without compression")
            if data:
                yield data
    if not member.eof:
        raise _invalid("is incomplete: the body ends before the end of the gzip data. Send it again")


def _invalid(what: str) -> GraphError:
    return GraphError(INVALID_REQUEST, f"The body has Content-Encoding: gzip, but it {what}.", target="body")
