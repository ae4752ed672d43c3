"""The load: a process that measures one row, both sides in turn, and prints one sample per round as JSON.

A sample is ``{"service": figure, "raw": {contender: figure}}``. Figures are MB/s, requests/s or ms, as the row has it.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

from bench.access_file import Slice, read, slices
from bench.forward import forward_row
from bench.processes import Plan
from bench.raw import BLOCK_BYTES, RawStorage
from bench.wire import Connection, get, post_json, upload, upload_request

Sample = dict[str, Any]
Row = Callable[[Plan], AsyncIterator[Sample]]

WIDTHS = (1, 2, 4, 8)
CLIENTS = 16
UPLOADERS = 4
MEGABYTE = 1_000_000

# A GET every 5 ms leaves a service that answers in two mostly idle, and has 1,000 samples in 5 s.
GET_EVERY_SECONDS = 0.005

_RESOURCES = f"/v1.0/identityGovernance/entitlementManagement/catalogs/{uuid4()}/resources"
_COLLECTION = f"{_RESOURCES}/{uuid4()}/uploadSessions"


def create_request(host: str, collection: str = _COLLECTION, token: str | None = None) -> bytes:
    """A request that creates a session for a new review instance."""
    data = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": str(uuid4())}
    return post_json(host, collection, json.dumps({"data": data}).encode(), token)


async def new_session(connection: Connection) -> str:
    """The path of a new session."""
    answer = await connection.send(create_request(connection.host), status=201)
    return f"{_COLLECTION}/{json.loads(answer)['id']}"


async def new_session_by_itself(service: str) -> str:
    """The same on a new connection: the server closes one that was idle for five seconds."""
    async with Connection(service) as connection:
        return await new_session(connection)


async def seconds(work: Awaitable[object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


async def upload_row(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of one large file."""
    path = Path(plan.file)
    rows = slices(path, plan.size)[0]
    data = read(path, rows)
    blocks = [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]
    del data
    megabytes = rows.size / MEGABYTE
    async with RawStorage(plan.storage) as raw:
        session = await new_session_by_itself(plan.service)
        await asyncio.to_thread(upload, plan.service, session, path, slices(path, MEGABYTE)[0])
        await raw.put_blocks(blocks[:2], 2)
        for _ in range(plan.rounds):
            session = await new_session_by_itself(plan.service)
            taken = await seconds(asyncio.to_thread(upload, plan.service, session, path, rows))
            sample: Sample = {"service": megabytes / taken, "raw": {}}
            for width in WIDTHS:
                sample["raw"][f"{width} at a time"] = megabytes / await seconds(raw.put_blocks(blocks, width))
            yield sample


async def small_upload_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` uploads of one small file a round."""
    path = Path(plan.file)
    data = read(path, slices(path, plan.size)[0])
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_raw: list[float] = []
            for _ in range(plan.count):
                head, tail = upload_request(service.host, await new_session(service), len(data), "access.csv")
                taken.append(await seconds(service.send(head + data + tail, status=200)))
                row = await raw.insert()
                began = time.perf_counter()
                await raw.put_blob(data)
                await raw.add_file(row)
                taken_raw.append(time.perf_counter() - began)
            if number:
                yield p50s(taken, taken_raw, "Put Blob, then a transaction")


async def many_uploads_row(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of ``count`` files into one session, four at a time."""
    path = Path(plan.file)
    files = [read(path, rows) for rows in slices(path, plan.size, plan.count)]
    megabytes = sum(map(len, files)) / MEGABYTE
    async with RawStorage(plan.storage) as raw:
        for number in range(plan.rounds + 1):
            session = await new_session_by_itself(plan.service)
            todo = iter(enumerate(files))

            async def upload_some(session: str = session, todo: Any = todo) -> None:
                async with Connection(plan.service) as connection:
                    for index, data in todo:
                        head, tail = upload_request(connection.host, session, len(data), f"access-{index}.csv")
                        await connection.send(head + data + tail, status=200)

            taken = await seconds(asyncio.gather(*(upload_some() for _ in range(UPLOADERS))))
            row = await raw.insert()
            todo_raw = iter(files)

            async def put_some(row: dict[str, Any] = row, todo: Any = todo_raw) -> None:
                for data in todo:
                    await raw.put_blob(data)
                    await raw.add_file(row)

            taken_raw = await seconds(asyncio.gather(*(put_some() for _ in range(UPLOADERS))))
            if number:
                yield {"service": megabytes / taken, "raw": {"4 at a time": megabytes / taken_raw}}


async def get_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` GETs a round."""
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        request = get(service.host, await new_session(service))
        row = await raw.insert()
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_raw: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(service.send(request, status=200)))
                taken_raw.append(await seconds(raw.read(row)))
            if number:
                yield p50s(taken, taken_raw, "get_entity")


async def authentication_row(plan: Plan) -> AsyncIterator[Sample]:
    """What a checked token adds to the p50 in ms of ``count`` GETs a round; two services on the same storage."""
    async with Connection(plan.service) as service, Connection(plan.guarded) as guarded:
        session = await new_session(service)
        request, guarded_request = get(service.host, session), get(guarded.host, session, plan.token)
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_guarded: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(service.send(request, status=200)))
                taken_guarded.append(await seconds(guarded.send(guarded_request, status=200)))
            if number:
                with_token, without = median(taken_guarded) * 1000, median(taken) * 1000
                yield {"service": with_token - without, "p50": [with_token, without]}


async def telemetry_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` GETs a round with telemetry and without; two services on the same storage."""
    async with Connection(plan.service) as without, Connection(plan.guarded) as observed:
        session = await new_session(without)
        request, observed_request = get(without.host, session), get(observed.host, session)
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_observed: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(without.send(request, status=200)))
                taken_observed.append(await seconds(observed.send(observed_request, status=200)))
            if number:
                raw = {"without": median(taken) * 1000}
                yield {"service": median(taken_observed) * 1000, "raw": raw}


async def create_row(plan: Plan) -> AsyncIterator[Sample]:
    """p50 in ms of ``count`` creates a round."""
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_raw: list[float] = []
            for _ in range(plan.count):
                taken.append(await seconds(service.send(create_request(service.host), status=201)))
                taken_raw.append(await seconds(raw.create()))
            if number:
                yield p50s(taken, taken_raw, "an upsert, then a transaction")


async def cold_create_row(plan: Plan) -> AsyncIterator[Sample]:
    """The same, each for a resource that has no session yet, by a caller with a token."""
    async with Connection(plan.guarded) as service, RawStorage(plan.storage) as raw:
        for number in range(plan.rounds + 1):
            taken: list[float] = []
            taken_raw: list[float] = []
            for _ in range(plan.count):
                request = create_request(service.host, f"{_RESOURCES}/{uuid4()}/uploadSessions", plan.token)
                taken.append(await seconds(service.send(request, status=201)))
                taken_raw.append(await seconds(raw.create(f"{uuid4()}_{uuid4()}")))
            if number:
                yield p50s(taken, taken_raw, "an upsert, then a transaction")


async def get_by_16_row(plan: Plan) -> AsyncIterator[Sample]:
    """Requests/s of GETs by 16 callers, for ``count`` seconds a round."""
    async with Connection(plan.service) as service, RawStorage(plan.storage) as raw:
        request = get(service.host, await new_session(service))
        row = await raw.insert()

        async def ask(until: float) -> int:
            done = 0
            async with Connection(plan.service) as connection:
                while time.perf_counter() < until:
                    await connection.send(request, status=200)
                    done += 1
            return done

        async def ask_raw(until: float) -> int:
            done = 0
            while time.perf_counter() < until:
                await raw.read(row)
                done += 1
            return done

        for number in range(plan.rounds + 1):
            until = time.perf_counter() + plan.count
            done = sum(await asyncio.gather(*(ask(until) for _ in range(CLIENTS))))
            until = time.perf_counter() + plan.count
            done_raw = sum(await asyncio.gather(*(ask_raw(until) for _ in range(CLIENTS))))
            if number:
                yield {"service": done / plan.count, "raw": {"16 get_entity": done_raw / plan.count}}


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
                request = partial(service.send, get(service.host, session), status=200)
                gets = await _at_a_steady_pace(request, uploading)
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
    data = read(path, slices(path, plan.size)[0])
    blocks = [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]
    async with RawStorage(plan.storage) as raw:
        yield {}
        await raw.put_blocks(blocks, UPLOADERS)


async def warm_up(plan: Plan) -> AsyncIterator[Sample]:
    """One create, one upload and one GET, so that everything that is made once is there."""
    async with Connection(plan.service) as service:
        session = await new_session(service)
        path = Path(plan.file)
        await asyncio.to_thread(upload, plan.service, session, path, slices(path, plan.size)[0])
        await service.send(get(service.host, session), status=200)
    yield {}


async def stream(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of ``count`` uploads at the same time, each into a new session."""
    path = Path(plan.file)
    rows: Slice = slices(path, plan.size)[0]
    async with Connection(plan.service) as service:
        sessions = [await new_session(service) for _ in range(plan.count)]
        uploads = (asyncio.to_thread(upload, plan.service, session, path, rows) for session in sessions)
        taken = await seconds(asyncio.gather(*uploads))
    yield {"service": rows.size * plan.count / MEGABYTE / taken}


def p50s(taken: list[float], taken_raw: list[float], contender: str) -> Sample:
    """A sample of medians in ms, from seconds."""
    return {"service": median(taken) * 1000, "raw": {contender: median(taken_raw) * 1000}}


def p99(taken: list[float]) -> float:
    """The 99th percentile in ms, from seconds."""
    return quantiles(taken, n=100, method="inclusive")[98] * 1000


LOADS: dict[str, Row] = {
    "upload": upload_row,
    "small-upload": small_upload_row,
    "many-uploads": many_uploads_row,
    "get": get_row,
    "authentication": authentication_row,
    "telemetry": telemetry_row,
    "create": create_row,
    "create-cold": cold_create_row,
    "get-by-16": get_by_16_row,
    "get-while-uploading": get_while_uploading_row,
    "forward": forward_row,
    "stage-blocks": stage_blocks,
    "warm-up": warm_up,
    "stream": stream,
}


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
