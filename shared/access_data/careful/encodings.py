"""Explains bytes that are not UTF-8 text."""

import re

INVALID = "\udcff".encode(errors="surrogatepass")
"""What bytes become that are no text in the encoding of their file: bytes that are not UTF-8, either."""
# The two bytes of a letter from U+00C0 to U+00FF, as Windows-1252 shows them: almost every text like this has one.
_SECOND_BYTES = "".join(bytes((byte,)).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xC0))
_TWICE = re.compile(f"Ã[{_SECOND_BYTES}]")


def utf8_fault_at(raw: bytes) -> int | None:
    """The position of the first byte that is not UTF-8; ``None`` if all of them are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def utf8_fault(byte: int, encoding: str | None = None) -> str:
    """The message about a byte that is not UTF-8; ``encoding`` if the file has another one."""
    if encoding is not None:
        return f"There are bytes that are not text in the encoding of the file, {encoding}. Save it as CSV UTF-8."
    letter = _windows_1252(byte)
    hint = f" In Windows-1252 it is '{letter}'." if letter.isprintable() else ""
    return f"Byte 0x{byte:02X} is not UTF-8 text.{hint} Save the file as CSV UTF-8."


def as_text(raw: bytes) -> str:
    """Text for a message: bytes that are not UTF-8 are read as Windows-1252."""
    text = raw.replace(INVALID, b"\xef\xbf\xbd").decode(errors="surrogateescape")
    return text if text.isascii() else text.translate(_FROM_SURROGATES)


def encoded_twice(text: str) -> bool:
    """Whether UTF-8 was read as Windows-1252 and encoded again: ``KÃ¼che`` for ``Küche``."""
    return "Ã" in text and _TWICE.search(text) is not None


def _windows_1252(byte: int) -> str:
    # Five bytes have no letter there; latin-1 makes them control characters, as browsers do (WHATWG, Encoding).
    try:
        return bytes((byte,)).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


# A byte that is not UTF-8 is decoded as U+DC80 to U+DCFF ("surrogateescape", PEP 383).
_FROM_SURROGATES = {0xDC00 + byte: _windows_1252(byte) for byte in range(0x80, 0x100)}
