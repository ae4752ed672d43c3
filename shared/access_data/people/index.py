"""The index of a directory: who has an object id, and whose attribute has a value. Of the values it has digests only.

It consists of parts, each of which is stored and loaded by itself: the users, sorted by their object ids, and each
attribute, sorted by the digests of its values. A process loads the attributes that it matches by. A part takes 16 bytes
for a user, or 20 for a value.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .digests import DIGEST_BYTES, Digests

Rows = NDArray[np.uint32]
Places = NDArray[np.intp]

_HALF = np.dtype("<u8")
_ROW = np.dtype("<u4")
_ID_HALF = np.dtype(">u8")
_ID_DIGITS = 32


class Keys:
    """Sorted keys of 16 bytes, in two halves. The same key may be there several times."""

    def __init__(self, heads: Digests, tails: Digests) -> None:
        """Take the halves of keys that are sorted by the first half, then by the second."""
        self._heads = heads
        self._tails = tails

    def __len__(self) -> int:
        return len(self._heads)

    def find(self, keys: Digests) -> tuple[Places, Places]:
        """Where each of some keys begins and ends; both are the same where it is missing."""
        heads, tails = np.ascontiguousarray(keys[:, 0]), keys[:, 1]
        first = self._heads.searchsorted(heads, "left")
        last = self._heads.searchsorted(heads, "right")
        # Nearly always there is one key with the same first half, or none.
        single = np.flatnonzero(last - first == 1)
        last[single] -= self._tails[first[single]] != tails[single]
        for key in np.flatnonzero(last - first > 1).tolist():
            begin, end = first[key], last[key]
            same = self._tails[begin:end]
            first[key] = begin + same.searchsorted(tails[key], "left")
            last[key] = begin + same.searchsorted(tails[key], "right")
        return first, last

    def firsts(self) -> NDArray[np.bool_]:
        """Which keys are not the same as the one before."""
        first = np.ones(len(self), np.bool_)
        first[1:] = (self._heads[1:] != self._heads[:-1]) | (self._tails[1:] != self._tails[:-1])
        return first

    def texts(self, places: Places | Rows) -> list[str]:
        """Some keys as GUIDs."""
        halves = np.column_stack((self._heads[places], self._tails[places])).astype(_ID_HALF)
        digits = halves.tobytes().hex()
        keys = (digits[begin : begin + _ID_DIGITS] for begin in range(0, len(digits), _ID_DIGITS))
        return [f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}" for key in keys]

    @property
    def nbytes(self) -> int:
        """Their size in memory."""
        return self._heads.nbytes + self._tails.nbytes

    def to_bytes(self) -> bytes:
        """The keys as they are stored."""
        return self._heads.tobytes() + self._tails.tobytes()


class Users(NamedTuple):
    """The users of a directory, sorted by object id, and which of them are disabled."""

    ids: Keys
    disabled: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return self.ids.nbytes + self.disabled.nbytes

    def are_disabled(self, users: Places | Rows) -> list[bool]:
        """Which of some users are disabled."""
        bits = self.disabled[users >> 3] >> (7 - (users & 7)).astype(np.uint8) & 1
        return [bit == 1 for bit in bits.tolist()]

    def find(self, object_ids: Sequence[str]) -> tuple[Places, NDArray[np.bool_]]:
        """The users with some object ids, which are GUIDs, and which of them there are."""
        keys = np.frombuffer(bytes.fromhex("".join(object_ids).replace("-", "")), _ID_HALF)
        first, last = self.ids.find(keys.astype(_HALF).reshape(-1, 2))
        return first, last > first

    def to_bytes(self) -> bytes:
        """The part as it is stored."""
        return self.ids.to_bytes() + self.disabled.tobytes()


class Attribute(NamedTuple):
    """Whose attribute has a value: the digests of the values, sorted, and for each its user."""

    values: Keys
    users: Rows

    @property
    def nbytes(self) -> int:
        """The size in memory."""
        return self.values.nbytes + self.users.nbytes

    def shared(self) -> int:
        """How many users have a value that another one has, too."""
        first = self.values.firsts()
        alone = first & np.append(first[1:], True)
        return len(alone) - int(alone.sum())

    def to_bytes(self) -> bytes:
        """The part as it is stored."""
        return self.values.to_bytes() + self.users.tobytes()


def users_of(ids: bytes, disabled: bytes) -> tuple[Users, Rows, Places]:
    """The part of the users.

    Args:
        ids: the 16 bytes of each object id.
        disabled: a byte for each user, 1 for a disabled one.

    Returns:
        The users; for each row its user; and the rows whose object id is that of an earlier row.
    """
    halves = np.frombuffer(ids, _ID_HALF).astype(_HALF).reshape(-1, 2)
    order = _sorted_order(halves)
    keys = _keys(halves, order)
    ranks = np.empty(len(order), _ROW)
    ranks[order] = np.arange(len(order), dtype=_ROW)
    repeated = order[~keys.firsts()]
    return Users(keys, np.packbits(np.frombuffer(disabled, np.uint8)[order])), ranks, repeated


def attribute_of(halves: Digests, users: Rows) -> Attribute:
    """The part of an attribute, of the digest of each value, and of the user who has it."""
    order = _sorted_order(halves)
    return Attribute(_keys(halves, order), users[order])


def users_size(users: int) -> int:
    """The bytes of the part of the users."""
    return DIGEST_BYTES * users + (users + 7) // 8


def load_users(part: bytes | bytearray, users: int) -> Users:
    """The part of the users as it was stored."""
    return Users(_load_keys(part, users), np.frombuffer(part, np.uint8, offset=DIGEST_BYTES * users))


def attribute_size(values: int) -> int:
    """The bytes of the part of an attribute."""
    return (DIGEST_BYTES + _ROW.itemsize) * values


def load_attribute(part: bytes | bytearray, values: int) -> Attribute:
    """The part of an attribute as it was stored."""
    return Attribute(_load_keys(part, values), np.frombuffer(part, _ROW, offset=DIGEST_BYTES * values))


def _load_keys(part: bytes | bytearray, count: int) -> Keys:
    heads = np.frombuffer(part, _HALF, count)
    return Keys(heads, np.frombuffer(part, _HALF, count, offset=heads.nbytes))


def _sorted_order(halves: Digests) -> Places:
    return np.lexsort((halves[:, 1], halves[:, 0]))


def _keys(halves: Digests, order: Places) -> Keys:
    return Keys(halves[order, 0], halves[order, 1])
