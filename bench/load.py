"""The load: a process that measures one row, both sides in turn, and prints one sample per round as JSON.

A sample is the figure of the service and that of the other side, in MB/s or ms, as the row has it.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

from bench.access_file import read, slices
from bench.forward import forward_row
from bench.processes import MEGABYTE, Plan, Sample
from bench.raw import RawStorage, blocks_of
from bench.validator import FORMS, validator_row
from bench.wire import NO_HEADERS, Connection, Headers, bearer, form_request, request, upload
from local.issuer import mint
from shared.domain.callers import READ_WRITE_ALL

RESOURCES = f"/v1.0/identityGovernance/entitlementManagement/catalogs/{uuid4()}/resources"
COLLECTION = f"{RESOURCES}/{uuid4()}/uploadSessions"

STAGED_AT_ONCE = 4
STAGED_AT_MOST = 8

# A GET every 5 ms leaves a service that answers in two mostly idle, and has 1,000 samples in 5 s.
GET_EVERY_SECONDS = 0.005


async def get_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` GETs a round."""
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        get = request("GET", service.host, await _new_session(service))
        row = await raw.insert()
        async for sample in _in_turn(
            plan, lambda: _seconds(service.send(get, status=200)), lambda: _seconds(raw.read(row))
        ):
            yield sample


async def create_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` creates a round, each for a resource that has no session yet, by a caller with a token."""
    headers = bearer(mint(Path(plan.issuer), roles=[READ_WRITE_ALL]))
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:

        async def create() -> float:
            new = _create_request(service.host, f"{RESOURCES}/{uuid4()}/uploadSessions", headers)
            return await _seconds(service.send(new, status=201))

        async for sample in _in_turn(plan, create, lambda: _seconds(raw.create(f"{uuid4()}_{uuid4()}"))):
            yield sample


async def small_upload_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` uploads of one small file a round."""
    path = Path(plan.file)
    data = read(path, slices(path, plan.size)[0])
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:

        async def upload_file() -> float:
            head, tail = form_request(service.host, f"{await _new_session(service)}/uploadFile", len(data))
            return await _seconds(service.send(head + data + tail, status=200))

        async def put_file() -> float:
            row = await raw.insert()
            began = time.perf_counter()
            await raw.put_blob(data)
            await raw.add_file(row)
            return time.perf_counter() - began

        async for sample in _in_turn(plan, upload_file, put_file):
            yield sample


async def upload_row(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of one large file."""
    path = Path(plan.file)
    rows = slices(path, plan.size)[0]
    blocks = blocks_of(read(path, rows))
    megabytes = rows.size / MEGABYTE
    async with RawStorage(plan.storage) as raw:
        session = await _new_session_by_itself(plan.service)
        await asyncio.to_thread(upload, plan.service, session, path, slices(path, MEGABYTE)[0])
        await raw.put_blocks(blocks[:2], 2)
        for _ in range(plan.rounds):
            session = await _new_session_by_itself(plan.service)
            taken = await _seconds(asyncio.to_thread(upload, plan.service, session, path, rows))
            yield megabytes / taken, megabytes / await _seconds(raw.put_blocks(blocks, STAGED_AT_MOST))


async def get_while_uploading_row(plan: Plan) -> AsyncIterator[Sample]:
    """p99 in ms of GETs at a steady pace while a file is uploaded, and of raw reads while raw blocks are staged."""
    path = Path(plan.file)
    rows = slices(path, plan.size)[0]
    async with RawStorage(plan.storage) as raw:
        row = await raw.insert()
        for number in range(plan.rounds + 1):
            async with Connection(plan.service) as service:
                session = await _new_session(service)
                uploading = asyncio.create_task(asyncio.to_thread(upload, plan.service, session, path, rows))
                get = partial(service.send, request("GET", service.host, session), status=200)
                gets = await _at_a_steady_pace(get, uploading)
            reads: list[float] = []
            async for staging in _staging(plan):
                reads = await _at_a_steady_pace(lambda: raw.read(row), staging)
            if number:
                yield _p99(gets), _p99(reads)


async def stage_blocks(plan: Plan) -> AsyncIterator[Sample]:
    """Stage a large file in raw blocks, some at a time. The sample says that it is about to begin."""
    path = Path(plan.file)
    blocks = blocks_of(read(path, slices(path, plan.size)[0]))
    async with RawStorage(plan.storage) as raw:
        yield 0, None
        await raw.put_blocks(blocks, STAGED_AT_ONCE)


async def warm_up(plan: Plan) -> AsyncIterator[Sample]:
    """One create, one upload and one GET, so that everything that is made once is there."""
    path = Path(plan.file)
    async with Connection(plan.service) as service:
        session = await _new_session(service)
        await asyncio.to_thread(upload, plan.service, session, path, slices(path, plan.size)[0])
        await service.send(request("GET", service.host, session), status=200)
    yield 0, None


async def stream(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of ``count`` uploads at the same time, each into a new session."""
    path = Path(plan.file)
    rows = slices(path, plan.size)[0]
    # asyncio's own threads are the number of cores and four: on a small machine fewer than there are uploads.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(plan.count))
    async with Connection(plan.service) as service:
        sessions = [await _new_session(service) for _ in range(plan.count)]
        uploads = (asyncio.to_thread(upload, plan.service, session, path, rows) for session in sessions)
        taken = await _seconds(asyncio.gather(*uploads))
    yield rows.size * plan.count / MEGABYTE / taken, None


LOADS: dict[str, Callable[[Plan], AsyncIterator[Sample]]] = {
    **dict.fromkeys(FORMS, validator_row),
    "get": get_row,
    "create": create_row,
    "small-upload": small_upload_row,
    "upload": upload_row,
    "get-while-uploading": get_while_uploading_row,
    "stage-blocks": stage_blocks,
    "forward": forward_row,
    "warm-up": warm_up,
    "stream": stream,
}


async def _in_turn(
    plan: Plan, service: Callable[[], Awaitable[float]], raw: Callable[[], Awaitable[float]]
) -> AsyncIterator[Sample]:
    """Medians in ms of the seconds that each takes, ``count`` times a round. The first round does not count."""
    for number in range(plan.rounds + 1):
        taken = [(await service(), await raw()) for _ in range(plan.count)]
        if number:
            ours, theirs = zip(*taken, strict=True)
            yield median(ours) * 1000, median(theirs) * 1000


async def _at_a_steady_pace(ask: Callable[[], Awaitable[object]], until: asyncio.Future[Any]) -> list[float]:
    """The seconds that each call took, one every few milliseconds until something else is done."""
    taken = []
    while not until.done():
        taken.append(await _seconds(ask()))
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


def _create_request(host: str, collection: str = COLLECTION, headers: Headers = NO_HEADERS) -> bytes:
    """A request that creates a session for a new review instance."""
    data = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": str(uuid4())}
    return request("POST", host, collection, headers, json.dumps({"data": data}).encode())


async def _new_session(connection: Connection) -> str:
    answer = await connection.send(_create_request(connection.host), status=201)
    return f"{COLLECTION}/{json.loads(answer)['id']}"


async def _new_session_by_itself(service: str) -> str:
    """The same on a new connection: the server closes one that was idle for five seconds."""
    async with Connection(service) as connection:
        return await _new_session(connection)


async def _seconds(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def _p99(taken: list[float]) -> float:
    """The 99th percentile in ms, from seconds."""
    return quantiles(taken, n=100, method="inclusive")[98] * 1000


async def main() -> None:
    """Run one load as the plan in the first argument has it."""
    plan = Plan(**json.loads(sys.argv[1]))
    # A collection in the middle of a request would be measured as part of it.
    gc.disable()
    async for sample in LOADS[plan.row](plan):
        print(json.dumps(sample), flush=True)
        gc.collect()


if __name__ == "__main__":
    asyncio.run(main())
