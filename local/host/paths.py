"""Decodes the path of a request and encodes it again, as Microsoft's Functions host does before the app sees it."""

import re
from urllib.parse import quote

_UNRESERVED = "/!$&'()*+,;=:@~-._"
# An encoded slash stays as it is; all else is decoded.
_ESCAPES = re.compile(r"(?:%(?!2[Ff])[0-9a-fA-F]{2})+")
_BAD_PERCENT = re.compile(rb"%(?![0-9a-fA-F]{2})")


def decoded_path(raw_path: bytes) -> str | None:
    """The path of a request, decoded once and without dot segments; ``None`` if the host refuses it."""
    if not raw_path.isascii():
        return None
    decoded = _ESCAPES.sub(_decoded, raw_path.decode())
    return None if "\0" in decoded else _without_dot_segments(decoded)


def encoded_path(path: str) -> bytes:
    """A decoded path as the host sends it to the worker. A percent sign in it was one in the caller's path, too."""
    return quote(path, safe=_UNRESERVED).encode()


def encoded_query(query: bytes) -> bytes:
    """A query as the host sends it to the worker: percent signs that encode nothing are encoded."""
    return _BAD_PERCENT.sub(b"%25", query)


def _decoded(escapes: re.Match[str]) -> str:
    """The text of consecutive escapes. Bytes that are not UTF-8 stay encoded."""
    text, decoded = escapes[0], ""
    data = bytes.fromhex(text.replace("%", ""))
    while data:
        try:
            return decoded + data.decode()
        except UnicodeDecodeError as error:
            decoded += data[: error.start].decode() + text[3 * error.start : 3 * error.end]
            data, text = data[error.end :], text[3 * error.end :]
    return decoded


def _without_dot_segments(path: str) -> str:
    """RFC 3986, section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
        if number == len(segments) and segment in (".", ".."):
            kept.append("")
    return "/" + "/".join(kept)
