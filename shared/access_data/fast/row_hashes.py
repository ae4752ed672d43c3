"""Identifies rows by 64-bit hashes of their keys (principal, permission, perhaps a scope), many at a time.

The cells of a row's key are hashed as 32-bit characters by the multilinear method (Lemire and Kaser, "Strongly
universal string hashing is fast", 2014), twice, with random keys for each process; each time 32 bits are kept. Two
different rows have the same hash with a probability of 2 to the power of -64, whatever they contain. Longer rows are
hashed by Python (SipHash, PEP 456).
"""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .words import MAX_CELL, PADDING, WORD, Words

Hashes = NDArray[np.int64]

# Two keys for each character of each cell, of which no layout's key has more.
_MOST_CELLS = 3
_KEYS = np.frombuffer(os.urandom(_MOST_CELLS * PADDING // 4 * 2 * 8), np.uint64).reshape(_MOST_CELLS, -1, 2)
_OFFSETS = np.frombuffer(os.urandom(2 * 8), np.uint64)
_HALF = np.uint64(32)


def row_hashes(key: Sequence[Words]) -> Hashes:
    """The hashes of rows, by the columns of their key: zero-padded words, with ASCII letters in lower case."""
    sums = _sums(key[0], _KEYS[0])
    for words, keys in zip(key[1:], _KEYS[1:], strict=False):
        sums += _sums(words, keys)
    sums += _OFFSETS
    sums >>= _HALF
    hashes = sums[:, 0] << _HALF
    hashes |= sums[:, 1]
    return hashes.view(np.int64)


def _sums(words: Words, keys: Words) -> Words:
    characters = words.view(np.uint32).astype(np.uint64)
    sums: Words = characters @ keys[: characters.shape[1]]
    return sums


def short_row_hashes(rows: Sequence[tuple[bytes, ...]]) -> Hashes:
    """The same for single rows, by the cells of their key, of at most ``MAX_CELL`` bytes each."""
    text = b"".join(cell.lower().ljust(MAX_CELL, b"\0") for row in rows for cell in row)
    words = np.frombuffer(text, np.uint64).reshape(len(rows), -1, MAX_CELL // WORD)
    return row_hashes([np.ascontiguousarray(words[:, column]) for column in range(words.shape[1])])


def long_row_hash(row: tuple[bytes, ...]) -> int:
    """The hash of a row whose key has a longer cell."""
    return hash(tuple(map(bytes.lower, row)))
