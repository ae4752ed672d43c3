"""Uploads: large and small ones, several at once, and those that only fill the server's memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.access_file import Slice, read, slices
from bench.processes import Plan
from bench.raw import RawStorage, blocks_of
from bench.rows.common import MEGABYTE, Sample, new_session, new_session_by_itself, p50s, seconds, through_of
from bench.wire import Connection, form_request, request, upload

WIDTHS = (1, 2, 4, 8)
UPLOADERS = 4


async def upload_row(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of one large file."""
    path = Path(plan.file)
    rows = slices(path, plan.size)[0]
    blocks = blocks_of(read(path, rows))
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
                head, tail = form_request(service.host, f"{await new_session(service)}/uploadFile", len(data))
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
                        name = f"access-{index}.csv"
                        head, tail = form_request(connection.host, f"{session}/uploadFile", len(data), name)
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


async def warm_up(plan: Plan) -> AsyncIterator[Sample]:
    """One create, one upload and one GET, so that everything that is made once is there."""
    through = through_of(plan)
    async with Connection(plan.service, through) as service:
        session = await new_session(service)
        path = Path(plan.file)
        await asyncio.to_thread(upload, plan.service, session, path, slices(path, plan.size)[0], through)
        await service.send(request("GET", service.host, session), status=200)
    yield {}


async def stream(plan: Plan) -> AsyncIterator[Sample]:
    """MB/s of ``count`` uploads at the same time, each into a new session."""
    path = Path(plan.file)
    rows: Slice = slices(path, plan.size)[0]
    through = through_of(plan)
    # asyncio's own threads are the number of cores and four: on a small machine fewer than there are uploads.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(plan.count))
    async with Connection(plan.service, through) as service:
        sessions = [await new_session(service) for _ in range(plan.count)]
        uploads = (asyncio.to_thread(upload, plan.service, session, path, rows, through) for session in sessions)
        taken = await seconds(asyncio.gather(*uploads))
    yield {"service": rows.size * plan.count / MEGABYTE / taken}
