"""Measures every row, one after the other, each on storage and processes of its own kind."""

import importlib.util
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.access_file import read, slices, write_rows
from bench.bars import BARS, Result, size_text
from bench.bars import table as table_of_bars
from bench.processes import (
    Plan,
    counted_service,
    crowd,
    guarded_service,
    observed_service,
    peak_memory,
    run_load,
    running_service,
    running_worker,
)
from bench.round_trips import read_round_trips
from bench.rows.client import client_against_curl
from bench.side_tables import instances_table, operations_table, worker_table
from bench.solo import THE_APP, THE_LIBRARIES, import_seconds, validator_speed
from bench.tables import Table, number
from local.azurite import azurite
from local.service import Service

MB = 1_000_000
MIB = 2**20
GIB = 2**30

SMALL_FILE = 150_000
MANY_FILES = 1_500_000
UPLOADS_AT_ONCE = 8

SMALL_ROWS = (
    "get",
    "create",
    "create-cold",
    "authentication",
    "get-by-16",
    "small-upload",
    "many-uploads",
    "upload",
    "telemetry",
)

SIDE_TABLES = ("operations", "worker", "instances")
TABLES = ("bars", *SIDE_TABLES)
ROWS = (*BARS, *SIDE_TABLES)

PROCESSES = (1, 2, 4)
CLIENTS = 16


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured; sizes in bytes.

    ``rounds`` is how often both sides take turns; ``streams`` and ``imports`` the same for memory and imports;
    ``requests`` are those of one round of small ones; ``burst`` is how many seconds 16 clients ask in a round.
    ``operations`` are the samples of each operation, and ``counted`` those whose calls are counted;
    ``worker_requests`` are the small ones of a round of the worker's, ``instance_seconds`` is how long several
    processes are asked for each kind of request.
    """

    upload: int
    large_upload: int
    stream: int
    stream_of_8: int
    rounds: int
    streams: int
    imports: int
    requests: int
    burst: int
    client_files: int
    operations: int
    counted: int
    worker_requests: int
    instance_rounds: int
    instance_seconds: int


FULL = Scale(
    upload=59 * MB,
    large_upload=500 * MB,
    stream=GIB,
    stream_of_8=GIB,
    rounds=5,
    streams=3,
    imports=9,
    requests=100,
    burst=3,
    client_files=40,
    operations=20,
    counted=3,
    worker_requests=40,
    instance_rounds=3,
    instance_seconds=2,
)
QUICK = Scale(
    upload=10 * MB,
    large_upload=20 * MB,
    stream=64 * MIB,
    stream_of_8=16 * MIB,
    rounds=3,
    streams=1,
    imports=2,
    requests=10,
    burst=1,
    client_files=4,
    operations=1,
    counted=1,
    worker_requests=5,
    instance_rounds=1,
    instance_seconds=1,
)


class Benchmark:
    """Measures the rows one after the other; ``results`` has those that are done, ``others`` samples without bars."""

    def __init__(self, scale: Scale, work: Path, only: Collection[str]) -> None:
        """Measure into the folder ``work``; ``only`` the rows with these names, or all if it is empty."""
        self._scale = scale
        self._work = work
        self._only = only
        self._file = work / "rows.csv"
        self.results: list[Result] = []
        self.others: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def run(self) -> None:
        """Measure everything. Rows that fill storage start with an empty one, so that no row slows down another."""
        scale = self._scale
        say("writing the file that is uploaded")
        write_rows(self._file, max(scale.stream, scale.stream_of_8, scale.large_upload))
        self._without_storage()
        if self._wanted(SMALL_ROWS):
            with self._storage() as storage, running_service(storage) as service:
                self._small_rows(service.url, storage)
        for name, load in (("upload-large", "upload"), ("get-while-uploading", "get-while-uploading")):
            if self._wanted([name]):
                with self._storage() as storage, running_service(storage) as service:
                    self._load(name, service.url, storage, scale.large_upload, load=load)
        if self._wanted(["client", "client-many"]):
            with self._storage() as storage, running_service(storage) as service:
                self._row("client", self._client(service.url, scale.upload, 1), scale.upload)
                self._row("client-many", self._client(service.url, MANY_FILES, scale.client_files), MANY_FILES)
        if self._wanted(["forward"]):
            self._forward()
        if self._wanted(["memory", "memory-by-8"]):
            with self._storage() as storage:
                self._memory_rows(storage)
        for name, measure in zip(SIDE_TABLES, (self._operations, self._worker, self._instances), strict=True):
            if self._wanted([name]):
                say(f"{name}:")
                with self._storage() as storage:
                    self.others[name] += measure(storage)

    def tables(self) -> list[Table]:
        """Those that have something in them."""
        tables = [table_of_bars(self.results)] if self.results else []
        makers = {"operations": operations_table, "worker": worker_table, "instances": instances_table}
        return tables + [makers[name](samples) for name, samples in self.others.items() if samples]

    def as_json(self) -> dict[str, Any]:
        """Every sample."""
        return {"rows": [result.as_json() for result in self.results], **self.others}

    def _without_storage(self) -> None:
        """The import and the validator."""
        scale = self._scale
        self._row("import", self._import())
        for form in ("validator", "validator-names", "validator-quoted"):
            speeds = validator_speed(form, self._file, scale.upload, scale.rounds)
            self._row(form, ({"service": speed} for speed in speeds), scale.upload)

    def _small_rows(self, service: str, storage: str) -> None:
        """The rows that share one storage and one service."""
        scale = self._scale
        self._load("get", service, storage, count=scale.requests)
        self._load("create", service, storage, count=scale.requests)
        with guarded_service(storage) as (guarded, issuer):
            for name in ("create-cold", "authentication"):
                self._load(name, service, storage, count=scale.requests, guarded=guarded.url, issuer=issuer)
        self._load("get-by-16", service, storage, count=scale.burst)
        self._load("small-upload", service, storage, SMALL_FILE, count=scale.requests)
        self._load("many-uploads", service, storage, MANY_FILES, count=10)
        self._load("upload", service, storage, scale.upload)
        with observed_service(storage) as observed:
            self._load("telemetry", service, storage, count=scale.requests, observed=observed.url)

    def _forward(self) -> None:
        """The row that needs two storages, each with a service."""
        with (
            self._storage() as storage,
            self._storage() as other,
            running_service(storage) as service,
            running_service(other) as target,
        ):
            self._load("forward", service.url, storage, self._scale.upload, target=target.url, target_storage=other)

    def _memory_rows(self, storage: str) -> None:
        scale, run = self._scale, partial(running_service, storage)
        self._row("memory", self._memory(run, storage, scale.stream, rounds=scale.streams), scale.stream)
        eight = self._memory(run, storage, scale.stream_of_8, UPLOADS_AT_ONCE)
        self._row("memory-by-8", eight, scale.stream_of_8)

    @contextmanager
    def _storage(self) -> Iterator[str]:
        """The connection string of a new Azurite. Its data is removed when it stops."""
        with tempfile.TemporaryDirectory(dir=self._work) as data, azurite(Path(data)) as storage:
            yield storage.connection_string

    def _load(
        self,
        name: str,
        service: str,
        storage: str,
        size: int | None = None,
        *,
        load: str | None = None,
        count: int = 1,
        **others: str,
    ) -> None:
        """A row of ``bench.load``, which has its name unless ``load`` says another; ``others`` are of the plan."""
        self._row(name, run_load(self._plan(load or name, service, storage, size or 0, count=count, **others)), size)

    def _plan(self, row: str, service: str, storage: str, size: int = 0, **others: Any) -> Plan:
        return Plan(row, service, storage, str(self._file), size, self._scale.rounds, **others)

    def _client(self, service: str, size: int, count: int) -> Iterator[dict[str, Any]]:
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            files = []
            for number, rows in enumerate(slices(self._file, size, count)):
                files.append(Path(folder) / f"file{number}.csv")
                files[-1].write_bytes(read(self._file, rows))
            yield from client_against_curl(service, files, self._scale.rounds)

    def _memory(
        self,
        run: Callable[[], AbstractContextManager[Service]],
        storage: str,
        size: int,
        at_once: int = 1,
        *,
        rounds: int = 1,
        invocations: str = "",
    ) -> Iterator[dict[str, Any]]:
        """Each round has a new service: a process does not give back all memory after a peak."""
        for _ in range(rounds):
            with run() as service:
                plan = self._plan("warm-up", service.url, storage, SMALL_FILE, count=1, invocations=invocations)
                for _ in run_load(plan):
                    idle = peak_memory(service.pid)
                for speed in run_load(replace(plan, row="stream", size=size, count=at_once)):
                    grown = peak_memory(service.pid) - idle
                    yield {"service": grown / MIB, "idle MiB": idle / MIB, "MB/s": speed["service"]}

    def _import(self) -> Iterator[dict[str, Any]]:
        with tempfile.TemporaryDirectory(dir=self._work) as compiled:
            for round_number in range(self._scale.imports + 1):
                app = import_seconds(THE_APP, Path(compiled)) * 1000
                libraries = import_seconds(THE_LIBRARIES, Path(compiled)) * 1000
                if round_number:
                    yield {"service": app, "raw": {"its libraries": libraries}}

    def _operations(self, storage: str) -> Iterator[dict[str, Any]]:
        """First the times, on a service without telemetry, then the calls, on one that writes down its spans."""
        count, spans = self._scale.operations, self._work / "spans"
        with running_service(storage) as preparing:
            with guarded_service(storage) as (guarded, issuer):
                plan = self._plan("operations", preparing.url, storage, count=count, guarded=guarded.url, issuer=issuer)
                yield from run_load(plan)
            with counted_service(storage, spans) as (counted, issuer):
                plan = replace(plan, count=self._scale.counted, guarded=counted.url, issuer=issuer)
                samples = list(run_load(plan))
        round_trips = read_round_trips(spans)
        for sample in samples:
            yield {name: sample[name] for name in ("operation", "access")} | {
                "round trips": round_trips[sample["trace"]]
            }

    def _worker(self, storage: str) -> Iterator[dict[str, Any]]:
        lacking = why_no_worker()
        if lacking:
            say(f"    {lacking}")
            return
        scale, invocations = self._scale, self._work / "invocations"
        run_worker, run_local = partial(running_worker, storage, invocations), partial(running_service, storage)
        with run_worker() as worker, run_local() as local:
            plan = self._plan("worker", worker.url, storage, scale.upload, count=scale.worker_requests)
            yield from run_load(replace(plan, invocations=str(invocations), local=local.url))
        for _ in range(scale.streams):
            yield {"title": "start", "unit": "s", "worker": _start(run_worker), "local host": _start(run_local)}
        (in_worker,) = self._memory(run_worker, storage, scale.stream, invocations=str(invocations))
        (in_local,) = self._memory(run_local, storage, scale.stream)
        for title, figure in (
            (f"memory of one upload of {size_text(scale.stream)}", "service"),
            ("idle memory", "idle MiB"),
        ):
            yield {"title": title, "unit": "MiB", "worker": in_worker[figure], "local host": in_local[figure]}

    def _instances(self, storage: str) -> Iterator[dict[str, Any]]:
        for processes in PROCESSES:
            seconds, at_once = self._scale.instance_seconds, CLIENTS // processes
            burst = partial(self._plan, storage=storage, count=seconds, at_once=at_once)
            with ExitStack() as running:
                services = [running.enter_context(running_service(storage)) for _ in range(processes)]
                by_service = running.enter_context(crowd([burst("service-burst", each.url) for each in services]))
                raw = running.enter_context(crowd([burst("raw-burst", "")] * processes))
                for number in range(self._scale.instance_rounds + 1):
                    sample = {"processes": processes, "service": _sums(by_service()), "raw": _sums(raw())}
                    if number:
                        yield sample

    def _wanted(self, names: Collection[str]) -> bool:
        return not self._only or any(name in self._only for name in names)

    def _row(self, name: str, samples: Iterator[dict[str, Any]], size: int | None = None) -> None:
        """Measure a row, if it is wanted: nothing is measured before its samples are asked for."""
        if not self._wanted([name]):
            return
        result = Result(BARS[name], size)
        self.results.append(result)
        say(f"{result.title}:")
        for sample in samples:
            self._sample(result, sample)

    def _sample(self, result: Result, sample: dict[str, Any]) -> None:
        result.add(sample)
        raw = ", ".join(f"{contender}: {number(figure)}" for contender, figure in sample.get("raw", {}).items())
        against = f"   ({raw})" if raw else ""
        say(f"    {number(sample['service'])} {result.bar.unit}{against}")


def why_no_worker() -> str:
    """Why Microsoft's worker cannot be measured here; empty if it can."""
    if importlib.util.find_spec("azure_functions_runtime") is None:
        return "not measured: azure-functions-runtime is not installed, which needs Python 3.13 or newer"
    return ""


def _start(run: Callable[[], AbstractContextManager[Service]]) -> float:
    """The seconds from the start of a process until it takes requests."""
    began = time.monotonic()
    with run():
        return time.monotonic() - began


def _sums(samples: Collection[dict[str, float]]) -> dict[str, float]:
    """The sum of each figure."""
    return {name: sum(sample[name] for sample in samples) for name in ("GET", "create")}


_began = time.monotonic()


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.monotonic() - _began:6.0f} s  {text}", flush=True)
