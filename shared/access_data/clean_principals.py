"""Recognizes principals, many at a time: the fast counterpart of the patterns in ``principals``."""

import string

import numpy as np

from .grid import Bytes, Flags, Places
from .words import WORD, Cells, Words, any_byte, cell_bytes, padded, translated, words_for

_GUID_SHAPE = b"00000000-0000-0000-0000-000000000000"
_GUID_LENGTH = len(_GUID_SHAPE)
_GUID_WORDS = words_for(_GUID_LENGTH)
_GUID = np.frombuffer(_GUID_SHAPE.ljust(_GUID_WORDS * WORD, b"\0"), np.uint8)
# For each word of a GUID: a one for each hexadecimal digit; the hyphens; and a mask of their places.
_DIGITS = (_GUID == ord("0")).view(np.uint64)
_HYPHENS = (_GUID * (_GUID == ord("-"))).view(np.uint64)
_HYPHEN_MASKS = ((_GUID == ord("-")) * np.uint8(0xFF)).view(np.uint64)

_AT = ord("@")
_DOT = ord(".")
_ALPHANUMERIC = (string.ascii_letters + string.digits).encode()

_MAX_LOCAL = 64
_NOT_LOCAL = bytes(byte not in _ALPHANUMERIC + b"'._!#^~+-\0" for byte in range(256))

# Each label of a domain begins and ends with a letter or digit. So of the dots, the hyphens and the ends (the at sign
# and a zero), only two hyphens may be adjacent. The high half of a byte's entry and the low half of its successor's have
# a bit in common if the two must not be adjacent.
_NOT_DOMAIN = 0xFF
_NEIGHBOURS = bytearray([_NOT_DOMAIN]) * 256
for _byte in _ALPHANUMERIC:
    _NEIGHBOURS[_byte] = 0
_NEIGHBOURS[_DOT] = 0b0001_0011
_NEIGHBOURS[ord("-")] = 0b1010_0101
_NEIGHBOURS[_AT] = _NEIGHBOURS[0] = 0b0110_1001


def are_principals(text: Bytes, cells: Cells) -> Flags:
    """Which cells are GUIDs or user principal names; none that is cut."""
    matches = _are_guids(cells)
    others = np.flatnonzero(~matches & cells.fit)
    if len(others):
        matches[others] = _are_names(text, cells.begins[others], cells.lengths[others], cells.words[others])
    return matches


def _are_guids(cells: Cells) -> Flags:
    matches: Flags = cells.lengths == _GUID_LENGTH
    if not matches.any():
        return matches
    words = np.ascontiguousarray(cells.words[:, :_GUID_WORDS])
    text = cell_bytes(words)
    # Smaller bytes wrap around and become large.
    are_digits = text - np.uint8(ord("0")) < 10  # noqa: PLR2004
    are_digits |= text - np.uint8(ord("a")) < 6  # noqa: PLR2004
    digits = are_digits.view(np.uint64)
    for index in range(_GUID_WORDS):
        matches &= digits[:, index] == _DIGITS[index]
        if _HYPHENS[index]:
            matches &= words[:, index] & _HYPHEN_MASKS[index] == _HYPHENS[index]
    return matches


def _are_names(text: Bytes, begins: Places, lengths: Places, words: Words) -> Flags:
    """Which cells are user principal names."""
    ats = np.flatnonzero(cell_bytes(words) == _AT)
    rows, places = np.divmod(ats, words.shape[1] * WORD)
    matches: Flags = np.bincount(rows, minlength=len(words)) == 1
    local_lengths = np.zeros(len(words), np.intp)
    local_lengths[rows] = places
    matches &= (local_lengths > 0) & (local_lengths <= _MAX_LOCAL)
    matches &= _are_local(text, begins, local_lengths)
    matches &= _are_domains(text, begins + local_lengths, lengths - local_lengths)
    return matches


def _are_local(text: Bytes, begins: Places, lengths: Places) -> Flags:
    """Which cells have only characters that may precede the at sign."""
    words = padded(text, begins, lengths, words_for(int(lengths.max())))
    return ~any_byte(translated(words, _NOT_LOCAL))


def _are_domains(text: Bytes, begins: Places, lengths: Places) -> Flags:
    """Which cells are an at sign and a domain of two labels or more."""
    # One byte more than the longest cell, so that a zero follows each.
    words = padded(text, begins, lengths, words_for(int(lengths.max()) + 1))
    neighbours = translated(words, _NEIGHBOURS)
    faults = np.zeros_like(neighbours)
    np.bitwise_and(neighbours.ravel()[:-1] >> 4, neighbours.ravel()[1:] & 0x0F, out=faults.ravel()[:-1])
    faults |= neighbours == _NOT_DOMAIN
    return any_byte(cell_bytes(words) == _DOT) & ~any_byte(faults)
