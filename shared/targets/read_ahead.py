"""Reads the next piece of a file while one is sent, so that neither side waits for the other."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator


async def one_ahead(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The same pieces. Memory: two of them. An error of ``pieces`` is raised where the piece would be."""
    following = asyncio.ensure_future(anext(pieces, None))
    try:
        while (piece := await following) is not None:
            following = asyncio.ensure_future(anext(pieces, None))
            yield piece
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
