"""Bursts of small requests to one of several processes of the service, or of raw calls by one of several clients.

A burst begins with a line of standard input, so that several processes begin theirs together.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from uuid import uuid4

from bench.processes import Plan
from bench.raw import RawStorage
from bench.rows.common import Sample, cold_create_request, new_session
from bench.rows.crowds import repeated
from bench.wire import Connection, request

Work = Callable[[], Awaitable[object]]


async def service_burst(plan: Plan) -> AsyncIterator[Sample]:
    """GETs/s, then creates/s for new resources, by ``at_once`` connections for ``count`` seconds each."""
    while await _asked():
        async with AsyncExitStack() as open_:
            connections = [await open_.enter_async_context(Connection(plan.service)) for _ in range(plan.at_once)]
            get = request("GET", connections[0].host, await new_session(connections[0]))
            yield {
                "GET": await _rate([partial(each.send, get, status=200) for each in connections], plan.count),
                "create": await _rate([partial(_create, each) for each in connections], plan.count),
            }


async def raw_burst(plan: Plan) -> AsyncIterator[Sample]:
    """The same by calls on one client."""
    async with RawStorage(plan.storage) as raw:
        row = await raw.insert()
        while await _asked():
            yield {
                "GET": await _rate([lambda: raw.read(row)] * plan.at_once, plan.count),
                "create": await _rate([lambda: raw.create(f"{uuid4()}_{uuid4()}")] * plan.at_once, plan.count),
            }


async def _asked() -> bool:
    """Wait until a burst is asked for; false if there will be no more."""
    return bool(await asyncio.to_thread(sys.stdin.readline))


async def _create(connection: Connection) -> None:
    await connection.send(cold_create_request(connection.host), status=201)


async def _rate(works: Sequence[Work], seconds: int) -> float:
    """How often something is done in a second, by several at the same time."""
    until = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(repeated(work, until) for work in works))) / seconds
