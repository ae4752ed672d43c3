"""Identifies rows by 64-bit hashes of their principal and permission, many at a time.

A row's principal and permission are hashed as 32-bit characters by the multilinear method (Lemire and Kaser, "Strongly
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

# Two keys for each character.
_PRINCIPAL_KEYS = np.frombuffer(os.urandom(PADDING // 4 * 2 * 8), np.uint64).reshape(-1, 2)
_PERMISSION_KEYS = np.frombuffer(os.urandom(PADDING // 4 * 2 * 8), np.uint64).reshape(-1, 2)
_OFFSETS = np.frombuffer(os.urandom(2 * 8), np.uint64)
_HALF = np.uint64(32)


def row_hashes(principals: Words, permissions: Words) -> Hashes:
    """The hashes of rows.

    Args:
        principals: their principals as zero-padded words, with ASCII letters in lower case.
        permissions: the same for their permissions.
    """
    sums = _sums(principals, _PRINCIPAL_KEYS)
    sums += _sums(permissions, _PERMISSION_KEYS)
    sums += _OFFSETS
    sums >>= _HALF
    hashes = sums[:, 0] << _HALF
    hashes |= sums[:, 1]
    return hashes.view(np.int64)


def _sums(words: Words, keys: Words) -> Words:
    characters = words.view(np.uint32).astype(np.uint64)
    sums: Words = characters @ keys[: characters.shape[1]]
    return sums


def short_row_hashes(rows: Sequence[tuple[bytes, bytes]]) -> Hashes:
    """The same for single rows: principals and permissions of at most ``MAX_CELL`` bytes."""
    text = b"".join(cell.lower().ljust(MAX_CELL, b"\0") for row in rows for cell in row)
    words = np.frombuffer(text, np.uint64).reshape(len(rows), 2, MAX_CELL // WORD)
    return row_hashes(np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1]))


def long_row_hash(principal: bytes, permission: bytes) -> int:
    """The hash of a row with a longer cell. A principal contains no comma."""
    return hash(b"%b,%b" % (principal.lower(), permission.lower()))
