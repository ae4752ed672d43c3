"""Reads one cell of each row as 64-bit words, so that NumPy handles eight bytes at a time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .grid import Bytes, Flags, Places

Words = NDArray[np.uint64]

WORD = 8

# The longest cell that is read as words, in bytes: longer than any user principal name (113 characters, says Entra).
MAX_CELL = 128

# Bytes that must follow the last cell: windows may be a word longer than the longest cell.
PADDING = MAX_CELL + WORD

# For each length, a window with that many bytes set.
_MASKS = np.tri(MAX_CELL + 1, PADDING, -1, np.uint8) * np.uint8(0xFF)


class Cells(NamedTuple):
    """Cells of one column.

    Attributes:
        begins: where each cell begins in the text.
        lengths: how long each is. Those that are longer than ``MAX_CELL`` are cut.
        words: their bytes in lower case, padded with zeros to the same number of words; shape (cells, words).
        fit: which of them are not cut.
    """

    begins: Places
    lengths: Places
    words: Words
    fit: Flags


def read_cells(text: Bytes, begins: Places, lengths: Places) -> Cells:
    """Read cells of any length. The text must go on for ``PADDING`` bytes after the last one."""
    fit = lengths <= MAX_CELL
    lengths = np.minimum(lengths, MAX_CELL)
    words = padded(text, begins, lengths, words_for(int(lengths.max(initial=0))))
    return Cells(begins, lengths, np.frombuffer(words.tobytes().lower(), np.uint64).reshape(words.shape), fit)


def padded(text: Bytes, begins: Places, lengths: Places, count: int) -> Words:
    """The first ``count`` words of cells of at most ``MAX_CELL`` bytes; bytes after the end of a cell are zero."""
    words = windows(text, begins, count)
    words &= _gather(_MASKS, PADDING, lengths, count)
    return words


def windows(text: Bytes, begins: Places, count: int) -> Words:
    """The first ``count`` words of cells, and what follows cells that are shorter."""
    return _gather(text, 1, begins, count)


def words_for(length: int) -> int:
    """The number of words that cells of up to this many bytes need; at least one."""
    return max(1, -(-length // WORD))


def cell_bytes(words: Words) -> Bytes:
    """The bytes of cells; shape (cells, bytes)."""
    return words.view(np.uint8)


def translated(words: Words, table: bytes | bytearray) -> Bytes:
    """For each byte of cells its entry in a table of 256; shape (cells, bytes)."""
    return np.frombuffer(words.tobytes().translate(table), np.uint8).reshape(len(words), -1)


def any_byte(flags: Bytes | Flags) -> Flags:
    """For each cell, whether any of its bytes is not zero; ``flags`` has the shape (cells, bytes)."""
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
