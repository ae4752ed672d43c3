"""The same requests to Microsoft's worker and to the local host, and the same work without either, in turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol
from uuid import uuid4

from bench.access_file import Slice, read, slices
from bench.processes import Plan
from bench.raw import RawStorage, blocks_of
from bench.rows.common import (
    MEGABYTE,
    Sample,
    cold_create_request,
    new_session,
    new_session_by_itself,
    seconds,
    through_of,
)
from bench.wire import Connection, Through, form_request, request, unchanged, upload

SMALL_FILE = 150_000
RAW_BLOCKS_AT_ONCE = 8


class Side(Protocol):
    """One of the three that are compared. Each method does something once, and gives its seconds."""

    async def get(self) -> float:
        """GET one session."""

    async def create(self) -> float:
        """Create a session for a new resource."""

    async def upload_small(self) -> float:
        """Upload a file in one block into a new session."""

    async def upload_large(self) -> float:
        """The same of many blocks."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files that are uploaded: slices of a file of rows."""

    path: Path
    small: Slice
    large: Slice


@dataclass(frozen=True, slots=True)
class Served:
    """The worker or the local host."""

    url: str
    through: Through
    connection: Connection
    session: str
    files: Files

    async def get(self) -> float:
        """See ``Side``."""
        return await seconds(self.connection.send(request("GET", self.connection.host, self.session), status=200))

    async def create(self) -> float:
        """See ``Side``."""
        return await seconds(self.connection.send(cold_create_request(self.connection.host), status=201))

    async def upload_small(self) -> float:
        """See ``Side``."""
        data = read(self.files.path, self.files.small)
        path = f"{await new_session(self.connection)}/uploadFile"
        head, tail = form_request(self.connection.host, path, len(data))
        return await seconds(self.connection.send(head + data + tail, status=200))

    async def upload_large(self) -> float:
        """See ``Side``."""
        session = await new_session_by_itself(self.url, self.through)
        return await seconds(
            asyncio.to_thread(upload, self.url, session, self.files.path, self.files.large, self.through)
        )


@dataclass(frozen=True, slots=True)
class Raw:
    """The storage SDKs."""

    storage: RawStorage
    row: dict[str, Any]
    files: Files

    async def get(self) -> float:
        """See ``Side``."""
        return await seconds(self.storage.read(self.row))

    async def create(self) -> float:
        """See ``Side``."""
        return await seconds(self.storage.create(f"{uuid4()}_{uuid4()}"))

    async def upload_small(self) -> float:
        """See ``Side``."""
        data, session = read(self.files.path, self.files.small), await self.storage.insert()
        began = time.perf_counter()
        await self.storage.put_blob(data)
        await self.storage.add_file(session)
        return time.perf_counter() - began

    async def upload_large(self) -> float:
        """See ``Side``."""
        blocks = blocks_of(read(self.files.path, self.files.large))
        return await seconds(self.storage.put_blocks(blocks, RAW_BLOCKS_AT_ONCE))


async def worker_row(plan: Plan) -> AsyncIterator[Sample]:
    """Samples of the worker (``service``), the local host and the SDKs: medians in ms, and MB/s of the large upload."""
    path, through = Path(plan.file), through_of(plan)
    files = Files(path, slices(path, SMALL_FILE)[0], slices(path, plan.size)[0])
    async with AsyncExitStack() as open_:

        async def served(url: str, through: Through) -> Served:
            connection = await open_.enter_async_context(Connection(url, through))
            return Served(url, through, connection, await new_session(connection), files)

        storage = await open_.enter_async_context(RawStorage(plan.storage))
        raw = Raw(storage, await storage.insert(), files)
        sides: Sequence[Side] = (await served(plan.service, through), await served(plan.local, unchanged), raw)
        small: Sequence[tuple[str, Callable[[Side], Awaitable[float]]]] = (
            ("GET one session, p50", lambda side: side.get()),
            ("create for a new resource, p50", lambda side: side.create()),
            (f"uploadFile, {SMALL_FILE // 1000} kB, p50", lambda side: side.upload_small()),
        )
        for title, measure in small:
            for number in range(plan.rounds + 1):
                taken = [[await measure(side) for side in sides] for _ in range(plan.count)]
                if number:
                    yield _sample(title, "ms", [median(of_side) * 1000 for of_side in zip(*taken, strict=True)])
        for _ in range(plan.rounds):
            rates = [files.large.size / MEGABYTE / await side.upload_large() for side in sides]
            yield _sample(f"uploadFile, {plan.size // MEGABYTE} MB", "MB/s", rates)


def _sample(title: str, unit: str, figures: Sequence[float]) -> Sample:
    return {"title": title, "unit": unit, **dict(zip(("worker", "local host", "raw"), figures, strict=True))}
