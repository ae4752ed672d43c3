"""Identifies rows by 64-bit hashes of their principal and permission, many at a time.

A row's principal and permission are hashed as 32-bit characters by the multilinear method (Lemire and Kaser, "Strongly
universal string hashing is fast", 2014), twice, with random keys for each process; each time 32 bits are kept. Two
different rows have the same hash with a probability of 2 to the power of -64, whatever they contain. Longer rows are
hashed by Python (SipHash, PEP 456).
"""

import os

import numpy as np
from numpy.typing import NDArray

from .words import MAX_CELL, PADDING, Words

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


def row_hash(principal: bytes, permission: bytes) -> Hashes:
    """The same for one row, with cells of any length. A principal contains no comma."""
    principal, permission = principal.lower(), permission.lower()
    if len(principal) > MAX_CELL or len(permission) > MAX_CELL:
        return np.array([hash(b"%b,%b" % (principal, permission))], np.int64)
    words = np.frombuffer(principal.ljust(MAX_CELL, b"\0") + permission.ljust(MAX_CELL, b"\0"), np.uint64)
    return row_hashes(*words.reshape(2, 1, -1))
