"""The name of an uploaded file: what clients make of it in ``Content-Disposition``, and the name that is meant.

A form names its file in UTF-8, in ``filename`` (RFC 7578, section 5.1). Browsers, curl, httpx, requests and Node write
a quote in it as ``%22`` (HTML standard, "Multipart form data"). Others do otherwise:

============================ =======================================================================================
.NET, PowerShell             ``filename="=?utf-8?B?...?="; filename*=utf-8''...`` outside ASCII (RFC 2047, RFC 8187)
aiohttp                      percent-encoded as a whole; older versions send ``filename*``, too
requests (urllib3 till 1.24) only ``filename*``
Ansible (Python's email)     only ``filename*``, or in pieces, ``filename*0*`` and so on (RFC 2231)
============================ =======================================================================================
"""

import re
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from itertools import count
from urllib.parse import quote, unquote, unquote_to_bytes

from shared.core.errors import INVALID_REQUEST, GraphError, shortened
from shared.core.text import is_readable, normalized

MAX_NAME_LENGTH = 255

# A parameter of a header field (RFC 2045, section 5.1). Values that are not quoted may have blanks: clients send them.
_PARAMETER = re.compile(rb'[\s;]*([^\s=;"]+)\s*=\s*+(?:"((?:[^"\\]|\\.)*+)"\s*|([^";]*+))(?:;|\Z)', re.DOTALL)
_ENCODED_WORDS = re.compile(r"(?:=\?[^?\s]+\?[bq]\?[^?]*\?=\s*)+", re.IGNORECASE)
_EXTENDED = re.compile(rb"([^']*)'[^']*'(.*)", re.DOTALL)


def parameters_of(header: bytes) -> tuple[bytes, Mapping[bytes, bytes]] | None:
    """The value of a header field and its parameters, both names in lower case.

    ``None`` if it cannot be read, or has a parameter twice: a proxy or scanner may read it in another way.
    """
    value, _, rest = header.partition(b";")
    found: dict[bytes, bytes] = {}
    position = 0
    while rest[position:].strip(b" \t;"):
        match = _PARAMETER.match(rest, position)
        if match is None or match[1].lower() in found:
            return None
        quoted = match[2]
        # No other letter needs a backslash before it, and one alone is part of a path of Windows.
        found[match[1].lower()] = match[3].strip() if quoted is None else re.sub(rb'\\(["\\])', rb"\1", quoted)
        position = match.end()
    return value.strip().lower(), found


def file_name(parameters: Mapping[bytes, bytes]) -> str:
    """The name of the file in a part with these parameters of ``Content-Disposition``, in Unicode's form NFC.

    It is shown and compared, and is never part of a path.

    Raises:
        GraphError: 400, if there is none, there are two, or it cannot be used.
    """
    plain = parameters.get(b"filename")
    extended = _extended(parameters)
    if not plain and extended is None:
        raise GraphError(
            INVALID_REQUEST,
            "The part 'file' has no filename, so that it is text and not a file. Send the file itself: in PowerShell "
            "-Form @{file = Get-Item ./access.csv}, with curl -F file=@access.csv.",
            target="filename",
        )
    if extended is None:
        return _checked(next(_readings(_decoded(plain or b""))))
    if plain and not _is_same(plain, extended):
        raise GraphError(
            INVALID_REQUEST,
            f"The Content-Disposition of the part 'file' has two names: filename is "
            f"'{shortened(plain.decode('utf-8', 'replace'))}', and filename* is '{shortened(extended)}'. Send one of "
            "them, or the same name in both.",
            target="filename",
        )
    return _checked(extended)


def file_disposition(name: str) -> str:
    """The parameters of ``Content-Disposition`` with which another service reads exactly this name in a form."""
    plain = name.replace("\\", "\\\\").replace('"', '\\"')
    # Some decode a percent sign, as this service does, and some do not: filename* leaves no doubt.
    extended = f"; filename*=UTF-8''{quote(name, safe='')}" if "%" in name else ""
    return f'filename="{plain}"{extended}'


def attachment(name: str) -> str:
    """The header ``Content-Disposition`` of a download (RFC 6266).

    Programs that do not know ``filename*``, such as curl, save the file under ``filename``, which must be ASCII: the
    name itself where it is, else percent-encoded, which an upload reads as the same name again.
    """
    encoded = quote(name, safe="")
    plain = name if name.isascii() and '"' not in name else encoded
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _extended(parameters: Mapping[bytes, bytes]) -> str | None:
    """The name in ``filename*``, or in its pieces (RFC 2231, sections 3 and 4); ``None`` without one.

    Raises:
        GraphError: 400, if it cannot be decoded.
    """
    value = parameters.get(b"filename*") or b"".join(_pieces(parameters))
    if not value:
        return None
    found = _EXTENDED.fullmatch(value)
    try:
        if found is None or found[1].lower() not in (b"utf-8", b"iso-8859-1", b"us-ascii"):
            raise ValueError
        return unquote_to_bytes(found[2]).decode(found[1].decode())
    except ValueError:
        raise GraphError(
            INVALID_REQUEST,
            "The filename* in the Content-Disposition of the part 'file' cannot be decoded. It must be UTF-8'' and "
            "then the name, percent-encoded (RFC 8187, section 3.2).",
            target="filename",
        ) from None


def _pieces(parameters: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """The pieces of a name that continues in several parameters, as those of one ``filename*``."""
    for number in count():
        encoded = parameters.get(b"filename*%d*" % number)
        plain = parameters.get(b"filename*%d" % number)
        if encoded is None and plain is None:
            return
        if number == 0 and encoded is None:
            yield b"UTF-8''"
        yield quote(plain or b"").encode() if encoded is None else encoded


def _readings(text: str) -> Iterator[str]:
    """What a ``filename`` can mean: first what is meant, then other ways to read it."""
    if _ENCODED_WORDS.fullmatch(text):
        with suppress(Base64Error, HeaderParseError, LookupError, UnicodeDecodeError):
            yield str(make_header(decode_header(text)))
    elif "%" in text and text in _percent_encoded(unquote(text)):
        yield unquote(text)
    elif "%22" in text:
        yield text.replace("%22", '"')
    yield text


def _percent_encoded(name: str) -> tuple[str, str]:
    """What aiohttp, and JavaScript's encodeURIComponent, make of a name."""
    return quote(name, safe=""), quote(name, safe="!'()*")


def _is_same(plain: bytes, extended: str) -> bool:
    """Whether both parameters have one name; that of ``filename`` may lack what its charset cannot write."""
    if plain in (extended.encode("ascii", "replace"), extended.encode("latin-1", "replace")):
        return True
    try:
        readings = _readings(plain.decode())
    except UnicodeDecodeError:
        return False
    return normalized(extended) in map(normalized, readings)


def _decoded(plain: bytes) -> str:
    try:
        return plain.decode()
    except UnicodeDecodeError:
        raise GraphError(
            INVALID_REQUEST,
            "The filename in the Content-Disposition of the part 'file' is not UTF-8 (RFC 7578, section 5.1). Send it "
            "in UTF-8, or give the file a name in ASCII.",
            target="filename",
        ) from None


def _checked(text: str) -> str:
    name = normalized(text)
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not is_readable(name) or set(name) & set("/\\") or not name.strip(" ."):
        raise GraphError(
            INVALID_REQUEST,
            f"The filename cannot be used. A filename has 1 to {MAX_NAME_LENGTH} characters, and no path or control "
            "characters.",
            target="filename",
        )
    return name
