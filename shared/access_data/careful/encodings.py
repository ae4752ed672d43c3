"""Explains bytes that are not UTF-8 text."""

import re

_SURROGATE = re.compile("[\udc80-\udcff]")


def utf8_fault_at(raw: bytes) -> int | None:
    """The position of the first byte that is not UTF-8; ``None`` if all of them are."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def utf8_fault(byte: int, offset: int) -> str:
    """The message about a byte at this offset of a file."""
    letter = _windows_1252(byte)
    hint = f" In Windows-1252 it is '{letter}'." if letter.isprintable() else ""
    return f"Byte 0x{byte:02X} at offset {offset} of the file is not UTF-8 text.{hint} Save the file as CSV UTF-8."


def as_text(raw: bytes) -> str:
    """Text for a message: bytes that are not UTF-8 are read as Windows-1252."""
    text = raw.decode(errors="surrogateescape")
    return _SURROGATE.sub(lambda match: _windows_1252(ord(match[0]) - 0xDC00), text)


def _windows_1252(byte: int) -> str:
    # Five bytes have no letter there; latin-1 makes them control characters, as browsers do (WHATWG, Encoding).
    try:
        return bytes((byte,)).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)
