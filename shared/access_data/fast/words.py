"""Reads one cell of each row as 64-bit words, so that NumPy handles eight bytes at a time."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .quotes import Bytes, Flags, Places

Words = NDArray[np.uint64]

WORD = 8

# The longest cell that is read as words, in bytes: longer than any user principal name (113 characters, says Entra).
MAX_CELL = 128

# Bytes that must follow the last cell: windows may be a word longer than the longest cell.
PADDING = MAX_CELL + WORD

# From a flag in a byte to the bit in which capitals and small letters differ.
_CASE_SHIFT = np.uint64(5)

# For each length, a window with that many bytes set.
_MASKS = np.tri(MAX_CELL + 1, PADDING, -1, np.uint8) * np.uint8(0xFF)


class Cells(NamedTuple):
    """Cells of one column.

    Attributes:
        lengths: how long each is, in bytes. Those that are longer than ``MAX_CELL`` are cut.
        words: the cells in lower case, each padded with one zero byte or more; shape (cells, words).
        fit: which of them are not cut.
    """

    lengths: Places
    words: Words
    fit: Flags


def read_cells(text: Bytes, begins: Places, lengths: Places) -> Cells:
    """Read cells of any length. The text must go on for ``PADDING`` bytes after the last one."""
    fit = lengths <= MAX_CELL
    lengths = np.minimum(lengths, MAX_CELL)
    words = windows(text, begins, words_for(int(lengths.max(initial=0)) + 1))
    words &= masks(lengths, words.shape[1])
    are_capitals = cell_bytes(words) - np.uint8(ord("A")) < 26  # smaller bytes wrap around and become large
    words |= are_capitals.view(np.uint64) << _CASE_SHIFT
    return Cells(lengths, words, fit)


def masks(lengths: Places, count: int) -> Words:
    """For each length, ``count`` words in which that many bytes have all bits set, and the others none."""
    return _gather(_MASKS, PADDING, lengths, count)


def windows(text: Bytes, begins: Places, count: int) -> Words:
    """The first ``count`` words of cells, and what follows cells that are shorter."""
    return _gather(text, 1, begins, count)


def words_for(length: int) -> int:
    """The number of words that this many bytes need."""
    return -(-length // WORD)


def as_words(values: Iterable[int]) -> Words:
    """Bytes, a multiple of ``WORD`` of them, as words."""
    return np.frombuffer(bytes(values), np.uint64)


def cell_bytes(words: Words) -> Bytes:
    """The bytes of cells; shape (cells, bytes)."""
    return words.view(np.uint8)


def any_byte(flags: Bytes | Flags) -> Flags:
    """For each cell, whether any of its bytes is not zero; ``flags`` has the shape (cells, bytes)."""
    if not flags.any():
        return np.zeros(len(flags), np.bool_)
    words = flags.view(np.uint64)
    found: Flags = words[:, 0] != 0
    for index in range(1, words.shape[1]):
        found |= words[:, index] != 0
    return found


def _gather(source: Bytes, stride: int, places: Places, count: int) -> Words:
    """The words from each place on, where place n is ``n * stride`` bytes from the start."""
    width = count * WORD
    # As elements of raw bytes, which NumPy copies as a whole: four times as fast as windows of single bytes.
    elements = np.ndarray(((source.size - width) // stride + 1,), f"V{width}", source, strides=(stride,))
    return elements[places].view(np.uint64).reshape(-1, count)
