"""GETs by many callers at once, and beside a large upload."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.access_file import read, slices
from bench.processes import Plan
from bench.raw import RawStorage, blocks_of
from bench.rows.common import Sample, new_session, p99, seconds
from bench.wire import Connection, request, upload

CLIENTS = 16
STAGED_AT_ONCE = 4

# A GET every 5 ms leaves a service that answers in two mostly idle, and has 1,000 samples in 5 s.
GET_EVERY_SECONDS = 0.005


async def get_by_16_row(plan: Plan) -> AsyncIterator[Sample]:
    """Requests/s of GETs by 16 callers, for ``count`` seconds a round."""
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        get = request("GET", service.host, await new_session(service))
        row = await raw.insert()

        async def ask(until: float) -> int:
            async with Connection(plan.service) as connection:
                return await repeated(lambda: connection.send(get, status=200), until)

        for number in range(plan.rounds + 1):
            until = time.perf_counter() + plan.count
            done = sum(await asyncio.gather(*(ask(until) for _ in range(CLIENTS))))
            until = time.perf_counter() + plan.count
            reading = (repeated(lambda: raw.read(row), until) for _ in range(CLIENTS))
            done_raw = sum(await asyncio.gather(*reading))
            if number:
                yield {"service": done / plan.count, "raw": {"16 get_entity": done_raw / plan.count}}


async def repeated(work: Callable[[], Awaitable[object]], until: float) -> int:
    """How often something is done, one after the other, until a time of ``time.perf_counter``."""
    done = 0
    while time.perf_counter() < until:
        await work()
        done += 1
    return done


async def get_while_uploading_row(plan: Plan) -> AsyncIterator[Sample]:
    """p99 in ms of GETs at a steady pace while a file is uploaded, and of raw reads while raw blocks are staged."""
    path = Path(plan.file)
    rows = slices(path, plan.size)[0]
    async with RawStorage(plan.storage) as raw:
        row = await raw.insert()
        for number in range(plan.rounds + 1):
            async with Connection(plan.service) as service:
                session = await new_session(service)
                uploading = asyncio.create_task(asyncio.to_thread(upload, plan.service, session, path, rows))
                get = partial(service.send, request("GET", service.host, session), status=200)
                gets = await _at_a_steady_pace(get, uploading)
            reads: list[float] = []
            async for staging in _staging(plan):
                reads = await _at_a_steady_pace(lambda: raw.read(row), staging)
            if number:
                yield {
                    "service": p99(gets),
                    "raw": {"get_entity while 4 blocks are staged": p99(reads)},
                    "p50": [median(gets) * 1000, median(reads) * 1000],
                    "samples": [len(gets), len(reads)],
                }


async def _at_a_steady_pace(ask: Callable[[], Awaitable[object]], until: asyncio.Future[Any]) -> list[float]:
    """The seconds that each call took, one every few milliseconds until something else is done."""
    taken = []
    while not until.done():
        taken.append(await seconds(ask()))
        await asyncio.sleep(max(0.0, GET_EVERY_SECONDS - taken[-1]))
    await until
    return taken


async def _staging(plan: Plan) -> AsyncIterator[asyncio.Future[int]]:
    """Raw blocks that are staged by a process of their own, as the service is one; done when it has ended."""
    arguments = json.dumps(asdict(replace(plan, row="stage-blocks")))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    yield asyncio.ensure_future(process.wait())
    if process.returncode:
        raise RuntimeError(f"the blocks were not staged: exit code {process.returncode}")


async def stage_blocks(plan: Plan) -> AsyncIterator[Sample]:
    """Stage a large file in raw blocks, four at a time. The sample says that it is about to begin."""
    path = Path(plan.file)
    blocks = blocks_of(read(path, slices(path, plan.size)[0]))
    async with RawStorage(plan.storage) as raw:
        yield {}
        await raw.put_blocks(blocks, STAGED_AT_ONCE)
