"""``python -m bench [--quick] [--out FILE.json]``: measure every row, print the table, write the samples as JSON."""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.access_file import read, slices, write_rows
from bench.bars import BARS, Result, number, table
from bench.client import client_against_curl
from bench.processes import Plan, guarded_service, observed_service, peak_memory, run_load, running_service
from bench.solo import THE_APP, THE_LIBRARIES, import_seconds, validator_speed
from local.azurite import azurite
from local.service import ROOT

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


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured; sizes in bytes.

    ``rounds`` is how often both sides take turns; ``streams`` and ``imports`` the same for memory and imports;
    ``requests`` are those of one round of small ones; ``burst`` is how many seconds 16 clients ask in a round.
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
)


class Benchmark:
    """Measures the rows one after the other; ``results`` has those that are done."""

    def __init__(self, scale: Scale, work: Path, only: Collection[str]) -> None:
        """Measure into the folder ``work``; ``only`` the rows with these names, or all if it is empty."""
        self._scale = scale
        self._work = work
        self._only = only
        self._file = work / "rows.csv"
        self.results: list[Result] = []

    def run(self) -> None:
        """Measure everything. Rows that fill storage start with an empty one, so that no row slows down another."""
        scale = self._scale
        say("writing the file that is uploaded")
        write_rows(self._file, max(scale.stream, scale.stream_of_8, scale.large_upload))
        self._row("import", self._import())
        for form in ("validator", "validator-names", "validator-quoted"):
            speeds = validator_speed(form, self._file, scale.upload, scale.rounds)
            self._row(form, ({"service": speed} for speed in speeds), scale.upload)
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
            with (
                self._storage() as storage,
                self._storage() as other,
                running_service(storage) as service,
                running_service(other) as target,
            ):
                self._load("forward", service.url, storage, scale.upload, target=target.url, target_storage=other)
        if self._wanted(["memory", "memory-by-8"]):
            with self._storage() as storage:
                self._row("memory", self._memory(storage, scale.stream, 1, rounds=scale.streams), scale.stream)
                eight = self._memory(storage, scale.stream_of_8, UPLOADS_AT_ONCE, rounds=1)
                self._row("memory-by-8", eight, scale.stream_of_8)

    def _small_rows(self, service: str, storage: str) -> None:
        """The rows that share one storage and one service."""
        scale = self._scale
        self._load("get", service, storage, count=scale.requests)
        self._load("create", service, storage, count=scale.requests)
        with guarded_service(storage) as (guarded, token):
            for name in ("create-cold", "authentication"):
                self._load(name, service, storage, count=scale.requests, guarded=guarded.url, token=token)
        self._load("get-by-16", service, storage, count=scale.burst)
        self._load("small-upload", service, storage, SMALL_FILE, count=scale.requests)
        self._load("many-uploads", service, storage, MANY_FILES, count=10)
        self._load("upload", service, storage, scale.upload)
        with observed_service(storage) as observed:
            self._load("telemetry", service, storage, count=scale.requests, guarded=observed.url)

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
        plan = Plan(load or name, service, storage, str(self._file), size or 0, self._scale.rounds, count, **others)
        self._row(name, run_load(plan), size)

    def _client(self, service: str, size: int, count: int) -> Iterator[dict[str, Any]]:
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            files = []
            for number, rows in enumerate(slices(self._file, size, count)):
                files.append(Path(folder) / f"file{number}.csv")
                files[-1].write_bytes(read(self._file, rows))
            yield from client_against_curl(service, files, self._scale.rounds)

    def _memory(self, storage: str, size: int, at_once: int, *, rounds: int) -> Iterator[dict[str, Any]]:
        """Each round has a new service: a process does not give back all memory after a peak."""
        for _ in range(rounds):
            with running_service(storage) as service:
                for _ in run_load(Plan("warm-up", service.url, storage, str(self._file), SMALL_FILE, 1, 1)):
                    idle = peak_memory(service.pid)
                for speed in run_load(Plan("stream", service.url, storage, str(self._file), size, 1, at_once)):
                    grown = peak_memory(service.pid) - idle
                    yield {"service": grown / MIB, "idle MiB": idle / MIB, "MB/s": speed["service"]}

    def _import(self) -> Iterator[dict[str, Any]]:
        with tempfile.TemporaryDirectory(dir=self._work) as compiled:
            for round_number in range(self._scale.imports + 1):
                app = import_seconds(THE_APP, Path(compiled)) * 1000
                libraries = import_seconds(THE_LIBRARIES, Path(compiled)) * 1000
                if round_number:
                    yield {"service": app, "raw": {"its libraries": libraries}}

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


_began = time.monotonic()


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.monotonic() - _began:6.0f} s  {text}", flush=True)


def machine() -> dict[str, Any]:
    """The machine, the commit and the packages of the figures."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    packages = ("azure-functions", "azure-storage-blob", "azure-data-tables", "fastapi", "uvicorn", "pydantic")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="bench", description="Compare the service with the raw storage SDK.")
    parser.add_argument(
        "--quick", action="store_true", help="small files and few rounds, within a minute: to see that it runs"
    )
    parser.add_argument("--only", nargs="+", default=[], choices=BARS, metavar="ROW", help="measure only these rows")
    parser.add_argument("--out", type=Path, help="where the samples go, as JSON (default: bench/results/)")
    arguments = parser.parse_args()
    scale = QUICK if arguments.quick else FULL
    out = arguments.out or ROOT / "bench" / "results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    where = machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        benchmark = Benchmark(scale, Path(work), arguments.only)
        benchmark.run()
    report = {"quick": arguments.quick, "machine": where, "rows": [result.as_json() for result in benchmark.results]}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1))
    print(f"\n{where['cores']} cores, Python {where['python']}, {where['commit']}, {where['when']}")
    print("Medians (ranges) of the rounds; the ratio is of the medians, its range that of the rounds one by one.\n")
    print(table(benchmark.results))
    missed = sum(not result.reached for result in benchmark.results)
    print(f"\n{missed} of {len(benchmark.results)} bars missed." if missed else "\nEvery bar reached.")
    if arguments.quick:
        print("QUICK RUN: small files, few rounds. It shows that the benchmark works; its figures prove nothing.")
    print(f"samples: {out}")


if __name__ == "__main__":
    main()
