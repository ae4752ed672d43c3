"""Bytes in the properties of a row: compressed, in pieces, since a property has a limit.

A property has up to 64 KiB, an entity 1 MiB, and 252 properties ("Understanding the Table service data model").
"""

import zlib
from collections.abc import Mapping
from typing import Any

MAX_PACKED_BYTES = 768 * 1024
"""What a row has room for, whatever the bytes are."""

_PIECE_BYTES = 24 * 1024
_NAME = "Packed"


def packed(content: bytes) -> dict[str, bytes]:
    """The properties that hold at most ``MAX_PACKED_BYTES``."""
    compressed = zlib.compress(content)
    starts = range(0, len(compressed), _PIECE_BYTES)
    return {f"{_NAME}{number:02d}": compressed[at : at + _PIECE_BYTES] for number, at in enumerate(starts)}


def unpacked(row: Mapping[str, Any]) -> bytes:
    """The bytes that the properties of a row hold; none if it has no such properties."""
    names = sorted(name for name in row if name.startswith(_NAME))
    if not names:
        return b""
    return zlib.decompress(b"".join(row[name] for name in names))
