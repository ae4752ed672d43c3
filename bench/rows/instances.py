"""Bursts of small requests to one of several processes of the service, or of raw calls by one of several clients."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import uuid4

from bench.processes import Plan
from bench.raw import RawStorage
from bench.rows.common import Sample, cold_create_request, new_session
from bench.rows.crowds import repeated
from bench.wire import Connection, request

Work = Callable[[], Awaitable[object]]


async def service_burst(plan: Plan) -> AsyncIterator[Sample]:
    """GETs/s, then creates/s for new resources, by ``at_once`` connections for ``count`` seconds each."""
    connections = [Connection(plan.service) for _ in range(plan.at_once)]
    await asyncio.gather(*(each.__aenter__() for each in connections))
    get = request("GET", connections[0].host, await new_session(connections[0]))

    def reading(connection: Connection) -> Work:
        return lambda: connection.send(get, status=200)

    def creating(connection: Connection) -> Work:
        return lambda: connection.send(cold_create_request(connection.host), status=201)

    await _together()
    yield {
        "GET": await _rate([reading(each) for each in connections], plan.count),
        "create": await _rate([creating(each) for each in connections], plan.count),
    }


async def raw_burst(plan: Plan) -> AsyncIterator[Sample]:
    """The same by calls on one client."""
    async with RawStorage(plan.storage) as raw:
        row = await raw.insert()
        await _together()
        yield {
            "GET": await _rate([lambda: raw.read(row)] * plan.at_once, plan.count),
            "create": await _rate([lambda: raw.create(f"{uuid4()}_{uuid4()}")] * plan.at_once, plan.count),
        }


async def _together() -> None:
    """Begin when the others begin: say that this process is ready, and wait for a line of standard input."""
    print("{}", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def _rate(works: Sequence[Work], seconds: int) -> float:
    until = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(repeated(work, until) for work in works))) / seconds
