"""Range requests: the headers ``Range`` and ``If-Range`` (RFC 9110, sections 13.1.5 and 14)."""

import re
from typing import NamedTuple

from shared.core.errors import RANGE_NOT_SATISFIABLE, GraphError

# One range of bytes; a thousand digits are more than any size, and less than what int() takes.
_RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,1000})-([0-9]{1,1000})?|-([0-9]{1,1000}))[ \t]*", re.IGNORECASE)


class ByteRange(NamedTuple):
    """A part of a file: its first byte, and the number of bytes."""

    first: int
    length: int

    def content_range(self, size: int) -> str:
        """``Content-Range`` of this part of a file of ``size`` bytes."""
        return f"bytes {self.first}-{self.first + self.length - 1}/{size}"


def requested_range(wanted: str | None, if_range: str | None, *, size: int, etag: str) -> ByteRange | None:
    """The part of a file that a request asks for; ``None`` for the whole file.

    A server may ignore ``Range`` (section 14.2). This one does so for other units, for what is malformed, and for
    several ranges, since one is enough to continue a download. With ``If-Range`` the file must still be the one that
    the caller knows; a time, or a weak ETag, never says so for certain.

    Args:
        wanted: the header ``Range``.
        if_range: the header ``If-Range``.
        size: of the file, in bytes.
        etag: the file's ETag, a strong one.

    Raises:
        GraphError: 416 with the size in ``Content-Range``; the file has no byte of the range.
    """
    found = _RANGE.fullmatch(wanted or "")
    if found is None or (if_range is not None and if_range.strip() != etag):
        return None
    begin, end, suffix = (None if digits is None else int(digits) for digits in found.groups())
    if begin is None:
        first, last = max(0, size - (suffix or 0)), size - 1
    else:
        first, last = begin, size - 1 if end is None else min(end, size - 1)
        if end is not None and end < begin:
            return None
    if first >= size:
        raise GraphError(
            RANGE_NOT_SATISFIABLE,
            f"The header Range asks for bytes that the file does not have: its size is {size} bytes.",
            target="Range",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return ByteRange(first, last - first + 1)
