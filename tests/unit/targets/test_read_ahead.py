"""A file is read one piece ahead of what is sent."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.targets.graph_client import one_ahead


class Pieces:
    """Pieces that say how many were asked for, and may fail."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.begun = 0
        self._count = count
        self._error = error

    async def read(self) -> AsyncIterator[bytes]:
        for number in range(self._count):
            self.begun += 1
            await asyncio.sleep(0)
            yield bytes([number])
        if self._error is not None:
            raise self._error


async def test_the_pieces_come_whole_and_in_order() -> None:
    assert [piece async for piece in one_ahead(Pieces(5).read())] == [bytes([number]) for number in range(5)]
    assert [piece async for piece in one_ahead(Pieces(0).read())] == []


async def test_the_next_piece_is_read_while_one_is_sent_but_no_more() -> None:
    pieces = Pieces(10)
    ahead = one_ahead(pieces.read())
    await anext(ahead)
    # While the first one is sent.
    await asyncio.sleep(0.01)
    assert pieces.begun == 2
    await ahead.aclose()


async def test_an_error_of_reading_is_raised_after_the_pieces_before_it() -> None:
    ahead = one_ahead(Pieces(2, OSError("gone")).read())
    assert [await anext(ahead), await anext(ahead)] == [b"\x00", b"\x01"]
    with pytest.raises(OSError, match="gone"):
        await anext(ahead)


async def test_nothing_is_left_running_when_sending_ends_early() -> None:
    before = asyncio.all_tasks()
    ahead = one_ahead(Pieces(10).read())
    await anext(ahead)
    await ahead.aclose()
    assert asyncio.all_tasks() == before
