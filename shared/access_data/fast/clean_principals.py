"""Recognizes principals, many at a time: the fast counterpart of the patterns in ``careful.cells``."""

import string

import numpy as np

from .quotes import Bytes, Flags, Places
from .words import WORD, Cells, Words, any_byte, as_words, cell_bytes, masks, words_for

_GUID = b"00000000-0000-0000-0000-000000000000"
_GUID_WORDS = words_for(len(_GUID))
_PADDED_GUID = _GUID.ljust(_GUID_WORDS * WORD, b"\0")
# For each word of a GUID: a one for each hexadecimal digit; the hyphens; and a mask of their places.
_DIGITS = as_words(byte == ord("0") for byte in _PADDED_GUID)
_HYPHENS = as_words(byte if byte == ord("-") else 0 for byte in _PADDED_GUID)
_HYPHEN_MASKS = as_words(0xFF if byte == ord("-") else 0 for byte in _PADDED_GUID)

_MAX_LOCAL = 64
_AT = ord("@")
_DOT = ord(".")

# What a byte may be in a user principal name. Each label of a domain begins and ends with a letter or digit; so of the
# dots, the hyphens and the two ends (the at sign and a zero), only hyphens may be adjacent. Two bytes must not be
# adjacent if the high half of the first one's entry and the low half of the second one's have a bit in common.
_NOWHERE, _BEFORE_AT = 0xFF, 0xF0
_USE = bytearray([_NOWHERE]) * 256
for _byte in b"'_!#^~+":
    _USE[_byte] = _BEFORE_AT
for _byte in (string.ascii_lowercase + string.digits).encode():
    _USE[_byte] = 0
_USE[_DOT] = 0b0001_0011
_USE[ord("-")] = 0b1010_0101
_USE[_AT] = _USE[0] = 0b0110_1001


def principals(cells: Cells) -> tuple[Flags, Flags | None]:
    """Which cells are GUIDs or user principal names, none of them cut; and which are names, ``None`` if none is."""
    # Most files are sorted by principal, so only the first of equal neighbours is checked.
    firsts = _firsts_of_equal(cells.words)
    counts = np.diff(firsts, append=len(cells.words))
    ids, names = _principals(cells.lengths[firsts], cells.words.take(firsts, axis=0))
    if not names.any():
        return np.repeat(ids, counts), None
    named = np.repeat(names, counts) & cells.fit
    return np.repeat(ids, counts) | named, named


def _firsts_of_equal(words: Words) -> Places:
    """The cells that are not the same as the one before."""
    differ = np.ones(len(words), np.bool_)
    differ[1:] = words[1:, 0] != words[:-1, 0]
    for index in range(1, words.shape[1]):
        differ[1:] |= words[1:, index] != words[:-1, index]
    return np.flatnonzero(differ)


def _principals(lengths: Places, words: Words) -> tuple[Flags, Flags]:
    ids = np.zeros(len(words), np.bool_)
    rows = np.flatnonzero(lengths == len(_GUID))
    if len(rows):
        ids[rows] = _are_guids(words.take(rows, axis=0))
    names = np.zeros(len(words), np.bool_)
    rows = np.flatnonzero(~ids)
    if len(rows):
        names[rows] = _are_names(words.take(rows, axis=0))
    return ids, names


def _are_guids(words: Words) -> Flags:
    """Which cells are GUIDs, of cells that have the right length."""
    text = cell_bytes(words)
    # Smaller bytes wrap around and become large.
    are_digits = text - np.uint8(ord("0")) < 10
    are_digits |= text - np.uint8(ord("a")) < 6
    digits = are_digits.view(np.uint64)
    matches = np.ones(len(words), np.bool_)
    for index in range(_GUID_WORDS):
        matches &= digits[:, index] == _DIGITS[index]
        if _HYPHENS[index]:
            matches &= words[:, index] & _HYPHEN_MASKS[index] == _HYPHENS[index]
    return matches


def _are_names(words: Words) -> Flags:
    """Which cells are user principal names."""
    text = cell_bytes(words)
    ats = np.flatnonzero(text == _AT)
    rows, places = np.divmod(ats, text.shape[1])
    matches: Flags = np.bincount(rows, minlength=len(words)) == 1
    local_lengths = np.zeros(len(words), np.intp)
    local_lengths[rows] = places
    matches &= (local_lengths > 0) & (local_lengths <= _MAX_LOCAL)
    in_domain = cell_bytes(~masks(local_lengths + 1, words.shape[1]))
    matches &= any_byte((text == _DOT) & (in_domain > 0))
    matches &= ~any_byte(_name_faults(text, in_domain))
    return matches


def _name_faults(text: Bytes, in_domain: Bytes) -> Bytes:
    """The bytes of names that must not be where they are, as bytes that are not zero."""
    use = np.frombuffer(text.tobytes().translate(_USE), np.uint8)
    # The first byte of a cell is not in its domain.
    faults = np.zeros_like(use)
    np.bitwise_and(use[:-1] >> 4, use[1:] & 0x0F, out=faults[1:])
    faults |= use == _BEFORE_AT
    faults &= in_domain.ravel()
    faults |= use == _NOWHERE
    return faults.reshape(text.shape)
