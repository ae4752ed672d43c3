"""Measures every row, one after the other, each on storage and processes of its own."""

import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.access_file import write_rows
from bench.bars import BARS, Result, number
from bench.processes import MEGABYTE, Plan, Sample, peak_memory, run_load, running_service
from local.azurite import azurite

MIB = 2**20
GIB = 2**30

SMALL_FILE = 150_000
UPLOADS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured; sizes in bytes.

    ``file`` is the size of what is validated and forwarded. ``rounds`` is how often both sides take turns, ``streams``
    the same for memory; ``requests`` are those of one round of small ones.
    """

    file: int
    upload: int
    stream: int
    rounds: int
    streams: int
    requests: int


FULL = Scale(file=59 * MEGABYTE, upload=500 * MEGABYTE, stream=GIB, rounds=5, streams=3, requests=100)
QUICK = Scale(file=10 * MEGABYTE, upload=20 * MEGABYTE, stream=16 * MIB, rounds=3, streams=1, requests=10)


class Benchmark:
    def __init__(self, scale: Scale, work: Path, only: Collection[str]) -> None:
        """Measure into the folder ``work``; ``only`` the rows with these names, or all if it is empty."""
        self._scale = scale
        self._work = work
        self._only = only
        self._file = work / "rows.csv"
        self._began = time.monotonic()
        self._results: list[Result] = []

    def run(self) -> list[Result]:
        """Measure everything. Each row starts with an empty storage, so that no row slows down another."""
        scale = self._scale
        self._say("writing the file that is uploaded")
        write_rows(self._file, max(scale.stream, scale.upload))
        for form in ("validator", "validator-names", "validator-quoted", "validator-rows"):
            self._row(form, scale.file, run_load(self._plan(form, "", "", scale.file, 1)))
        self._load("get", count=scale.requests)
        self._load("create", count=scale.requests)
        self._load("small-upload", SMALL_FILE, count=scale.requests)
        self._load("upload", scale.upload)
        self._load("get-while-uploading", scale.upload)
        self._load("forward", scale.file)
        self._row("memory", scale.stream, self._memory(at_once=1, rounds=scale.streams))
        self._row("memory-by-8", scale.stream, self._memory(at_once=UPLOADS_AT_ONCE, rounds=1))
        return self._results

    @contextmanager
    def _storage(self) -> Iterator[str]:
        """The connection string of a new Azurite. Its data is removed when it stops."""
        with tempfile.TemporaryDirectory(dir=self._work) as data, azurite(Path(data)) as storage:
            yield storage.connection_string

    def _plan(self, row: str, service: str, storage: str, size: int, count: int) -> Plan:
        return Plan(row, service, storage, str(self._file), size, self._scale.rounds, count)

    def _load(self, name: str, size: int = 0, *, count: int = 1) -> None:
        """A row of ``bench.load``: of a service that requires tokens, or with a second service, where it needs one."""

        def samples() -> Iterator[Sample]:
            with ExitStack() as running:
                storage = running.enter_context(self._storage())
                issuer = running.enter_context(tempfile.TemporaryDirectory()) if name == "create" else ""
                service = running.enter_context(running_service(storage, issuer))
                plan = replace(self._plan(name, service.url, storage, size, count), issuer=issuer)
                if name == "forward":
                    other = running.enter_context(self._storage())
                    target = running.enter_context(running_service(other))
                    plan = replace(plan, target=target.url, target_storage=other)
                yield from run_load(plan)

        self._row(name, size, samples())

    def _memory(self, *, at_once: int, rounds: int) -> Iterator[Sample]:
        """Each round has a new service: a process does not give back all memory after a peak."""
        with self._storage() as storage:
            for _ in range(rounds):
                with running_service(storage) as service:
                    for _ in run_load(self._plan("warm-up", service.url, storage, SMALL_FILE, 1)):
                        idle = peak_memory(service.pid)
                    for _ in run_load(self._plan("stream", service.url, storage, self._scale.stream, at_once)):
                        yield (peak_memory(service.pid) - idle) / MIB, None

    def _row(self, name: str, size: int, samples: Iterator[Sample]) -> None:
        """Measure a row, if it is wanted: nothing is measured before its samples are asked for."""
        if self._only and name not in self._only:
            return
        result = Result(BARS[name], size)
        self._results.append(result)
        self._say(f"{result.title}:")
        for service, raw in samples:
            result.service.append(service)
            against = ""
            if raw is not None:
                result.raw.append(raw)
                against = f"   ({result.bar.against}: {number(raw)})"
            self._say(f"    {number(service)} {result.bar.unit}{against}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.0f} s  {text}", flush=True)
