"""Digests of comparable texts, which an index has instead of the texts."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.uint64]
"""The digests of texts: for each its first and its second half."""

DIGEST_BYTES = 16


def digests(texts: Iterable[str], key: bytes) -> Digests:
    """The digests of comparable texts: BLAKE2b of 128 bits (RFC 7693) with a key of up to 64 bytes.

    Two different texts are taken for the same one if both halves are equal: for a million users and a million times a
    million accounts with a probability of less than 2 to the power of -68.
    """
    keyed = blake2b(digest_size=DIGEST_BYTES, key=key)
    joined = bytearray()
    for text in texts:
        each = keyed.copy()
        each.update(text.encode("utf-8", "surrogatepass"))
        joined += each.digest()
    return np.frombuffer(joined, "<u8").reshape(-1, 2)
