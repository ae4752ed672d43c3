"""Makes several calls at the same time."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar, overload

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


@overload
async def together(first: Awaitable[A], second: Awaitable[B], /) -> tuple[A, B]: ...
@overload
async def together(first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], /) -> tuple[A, B, C]: ...
async def together(*calls: Awaitable[Any]) -> tuple[Any, ...]:
    """The results of calls at the same time.

    All of them end before an error is raised, unlike with ``asyncio.gather``: a write that is still on its way could
    not be undone, and would go on after the request. Of several errors, the one of the first argument is raised.
    """
    results = await asyncio.gather(*calls, return_exceptions=True)
    failure = next((result for result in results if isinstance(result, BaseException)), None)
    if failure is None:
        return tuple(results)
    try:
        raise failure
    finally:
        # The exception refers to this frame. If the frame referred to it, what it holds would stay, such as a block.
        del results, failure
