"""Finds the delimiters inside quotes, with one bit for each byte of the text, so that NumPy handles 64 bytes at a time.

The method is that of simdjson (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019): a byte is inside
quotes if the number of quotes up to it is odd.
"""

import numpy as np
from numpy.typing import NDArray

COMMA, QUOTE, CR, LF = b',"\r\n'

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
Bits = NDArray[np.uint64]

# The text of a search has a multiple of this length.
BITS = 64

_ONE, _LAST = np.uint64(1), np.uint64(BITS - 1)
_SHIFTS = [np.uint64(shift) for shift in (1, 2, 4, 8, 16, 32)]


def enclosed_delimiters(text: Bytes, are_delimiters: Flags, are_quotes: Flags) -> tuple[Places, bool]:
    """The delimiters inside quotes, and whether the quotes are well placed (RFC 4180, section 2).

    They are if each quote that opens follows a delimiter or a quote, each that closes precedes a delimiter, a quote or
    a carriage return, and no line ends inside quotes.
    """
    delimiters, quotes = _bits(are_delimiters), _bits(are_quotes)
    inside = _inside(quotes)
    beside = delimiters | quotes
    misplaced = quotes & inside & ~_previous(beside)
    closing = quotes & ~inside & ~_next(beside)
    if closing.any():
        misplaced |= closing & ~_next(_bits(text == CR))
    enclosed = _places(delimiters & inside)
    return enclosed, not misplaced.any() and not (text[enclosed] == LF).any()


def _bits(flags: Flags) -> Bits:
    # The first byte is the lowest bit, so that a shift to the left moves to the next byte.
    return np.packbits(flags, bitorder="little").view("<u8")


def _places(bits: Bits) -> Places:
    """Where the bits are, of which there should be few."""
    some = np.flatnonzero(bits)
    found = np.flatnonzero(np.unpackbits(bits[some].view(np.uint8), bitorder="little"))
    return some[found // BITS] * BITS + found % BITS


def _inside(quotes: Bits) -> Bits:
    """The bytes from each quote that opens to the one before the quote that closes."""
    inside = quotes.copy()
    for shift in _SHIFTS:
        inside ^= inside << shift
    # Where an odd number of quotes comes before a word, all of its bits are the other way round.
    odd = np.logical_xor.accumulate(inside[:-1] >> _LAST > 0)
    inside[1:] ^= np.uint64(0) - odd.astype(np.uint64)
    return inside


def _previous(bits: Bits) -> Bits:
    """For each byte, the bit of the byte before it."""
    shifted = bits << _ONE
    shifted[1:] |= bits[:-1] >> _LAST
    return shifted


def _next(bits: Bits) -> Bits:
    """For each byte, the bit of the byte after it."""
    shifted = bits >> _ONE
    shifted[:-1] |= bits[1:] << _LAST
    return shifted
