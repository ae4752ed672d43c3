"""What a tick costs: ``python -m tests.slow.expiry_at_scale CONNECTION-STRING [--finished N] [--due N]``.

Counts the storage calls of ticks, first with nothing due and then with much, over an account that holds many sessions
that are finished. The app runs in this process, on a clock that is moved.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.faults.operations import Case, create
from tests.faults.service import Service, configure, running
from tests.faults.transport import Fault, FaultyTransport, Plan

# Requests at once while sessions are made.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick: its storage calls, its seconds, and how often each thing was done."""

    calls: int
    seconds: float
    done: dict[str, int]


async def counted(faulty: FaultyTransport, service: Service) -> Tick:
    """A tick, and the calls that it made."""
    faulty.plan = plan = Plan(Fault.CONFLICT, sys.maxsize)  # which no call ever reaches
    began = time.monotonic()
    done = await service.tick()
    faulty.plan = None
    return Tick(plan.calls, time.monotonic() - began, done)


async def fill(sessions: int) -> None:
    """Finished sessions, a hundred a resource, as the service would have left them."""
    from shared.core.ids import new_id, utc_now  # noqa: PLC0415
    from shared.domain.lifecycle import new_session  # noqa: PLC0415
    from shared.domain.sessions import ResourceKey, Review, SessionKey, Status  # noqa: PLC0415
    from shared.storage.account import storage  # noqa: PLC0415
    from shared.storage.resource_partition.rows import session_entity  # noqa: PLC0415

    table = storage().sessions._sessions
    now = utc_now()

    async def fill_resource(count: int) -> None:
        resource = ResourceKey(str(uuid4()), str(uuid4()))
        rows: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        for _ in range(count):
            review = Review(str(uuid4()), str(uuid4()), None, None, None)
            session = new_session(SessionKey(resource, new_id(now)), review, now)
            entity = session_entity(session) | {"Status": Status.EXPIRED.value}
            rows.append(("create", entity, {}))
        await table.submit(rows)

    await several(lambda number: fill_resource(min(100, sessions - number)), range(0, sessions, 100))


async def make_due(service: Service, sessions: int) -> None:
    """Sessions that will be due, each of a resource of its own."""

    async def one(_number: int) -> None:
        await create(service, Case())

    await several(one, range(sessions))


async def several(work: Callable[[int], Awaitable[None]], numbers: range) -> None:
    """Do something for each number, some at a time."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> None:
        async with limit:
            await work(number)

    await asyncio.gather(*map(one, numbers))


async def measure(finished: int, due: int, fits: int) -> tuple[list[int], list[Tick]]:
    """What ``resume`` gives, and ticks: with nothing due and little stored, and much stored, ``due`` due, once more."""
    faulty = FaultyTransport()
    async with faulty.installed(), running() as service:
        settled = await resume(service, 10 * fits, fits)
        await make_due(service, due)
        ticks = [await counted(faulty, service)]
        await fill(finished)
        ticks.append(await counted(faulty, service))
        service.clock.ahead += timedelta(hours=3)
        ticks.append(await counted(faulty, service))
        ticks.append(await counted(faulty, service))
    return settled, ticks


async def resume(service: Service, sessions: int, fits: int) -> list[int]:
    """How many sessions each tick settles when only so many fit; fails unless the oldest come first."""
    from shared.domain.sessions import ResourceKey, SessionKey, Status  # noqa: PLC0415
    from shared.services import due_walk  # noqa: PLC0415
    from shared.storage.account import storage  # noqa: PLC0415

    cases = [Case() for _ in range(sessions)]
    for case in cases:
        await create(service, case)
        service.clock.ahead += timedelta(hours=1)
    service.clock.ahead += timedelta(hours=3)
    table = storage().sessions
    budget, due_walk.WALK_SESSIONS = due_walk.WALK_SESSIONS, fits
    settled: list[int] = []
    while not settled or settled[-1]:
        before = sum(settled)
        await service.tick()
        found = [await table.session(SessionKey(ResourceKey(c.catalog, c.resource), c.session)) for c in cases]
        over = [session is not None and session.status is Status.EXPIRED for session in found]
        if over != sorted(over, reverse=True):
            raise RuntimeError("a younger session came before an older one")
        settled.append(sum(over) - before)
    due_walk.WALK_SESSIONS = budget
    service.clock.ahead = timedelta()
    return settled


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="tests.slow.expiry_at_scale", description="What a tick costs.")
    parser.add_argument("storage", help="connection string of an empty account")
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=1000)
    arguments = parser.parse_args()
    configure(arguments.storage)
    fits = 4
    settled, (few, many, much, after) = asyncio.run(measure(arguments.finished, arguments.due, fits))
    print(f"nothing due, {arguments.due} sessions stored: {few}")
    print(f"nothing due, {arguments.finished} more stored: {many}")
    print(f"{arguments.due} due: {much}, {(much.calls - many.calls) / arguments.due:.2f} calls a session")
    print(f"nothing due any more: {after}")
    print(f"{10 * fits} due, {fits} fit into a tick: {settled} in turn")
    cheap = few.calls == many.calls <= 5 and after.calls <= 5
    cheap = cheap and settled == [fits] * 10 + [0]
    return 0 if cheap and much.calls <= 6 * arguments.due + 5 and much.done == {"expired": arguments.due} else 1


if __name__ == "__main__":
    sys.exit(main())
