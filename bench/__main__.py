"""``python -m bench [--quick] [--out FILE.json]``: measure every row, print the table, write the samples as JSON."""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator
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

    def __init__(self, scale: Scale, work: Path) -> None:
        self._scale = scale
        self._work = work
        self._file = work / "rows.csv"
        self.results: list[Result] = []

    def run(self) -> None:
        """Measure everything. Rows that fill storage start with an empty one, so that no row slows down another."""
        scale = self._scale
        say("writing the file that is uploaded")
        write_rows(self._file, max(scale.stream, scale.stream_of_8, scale.large_upload))
        self._import()
        for form in ("validator", "validator-names", "validator-quoted"):
            self._validator(form)
        with self._storage() as storage, running_service(storage) as service:
            self._load("get", "get", service.url, storage, count=scale.requests)
            self._load("create", "create", service.url, storage, count=scale.requests)
            self._guarded("create-cold", service.url, storage)
            self._load("get-by-16", "get-by-16", service.url, storage, count=scale.burst)
            self._load("small-upload", "small-upload", service.url, storage, SMALL_FILE, count=scale.requests)
            self._load("many-uploads", "many-uploads", service.url, storage, MANY_FILES, count=10)
            self._load("upload", "upload", service.url, storage, scale.upload)
            self._guarded("authentication", service.url, storage)
            self._telemetry(service.url, storage)
        with self._storage() as storage, running_service(storage) as service:
            self._load("upload-large", "upload", service.url, storage, scale.large_upload)
        with self._storage() as storage, running_service(storage) as service:
            self._load("get-while-uploading", "get-while-uploading", service.url, storage, scale.large_upload)
        with self._storage() as storage, running_service(storage) as service:
            self._client("client", service.url, scale.upload, 1)
            self._client("client-many", service.url, MANY_FILES, scale.client_files)
        with (
            self._storage() as storage,
            self._storage() as other,
            running_service(storage) as service,
            running_service(other) as target,
        ):
            self._forward(service.url, storage, target.url, other)
        with self._storage() as storage:
            self._memory("memory", storage, scale.stream, 1, rounds=scale.streams)
            self._memory("memory-by-8", storage, scale.stream_of_8, UPLOADS_AT_ONCE, rounds=1)

    @contextmanager
    def _storage(self) -> Iterator[str]:
        """The connection string of a new Azurite. Its data is removed when it stops."""
        with tempfile.TemporaryDirectory(dir=self._work) as data, azurite(Path(data)) as storage:
            yield storage.connection_string

    def _load(
        self, name: str, load: str, service: str, storage: str, size: int | None = None, *, count: int = 1
    ) -> None:
        result = self._begin(name, size)
        plan = Plan(load, service, storage, str(self._file), size or 0, self._scale.rounds, count)
        for sample in run_load(plan):
            self._sample(result, sample)

    def _guarded(self, name: str, service: str, storage: str) -> None:
        """A row that needs a service that requires tokens, too."""
        result = self._begin(name)
        scale = self._scale
        with guarded_service(storage) as (guarded, token):
            plan = Plan(
                name,
                service,
                storage,
                str(self._file),
                0,
                scale.rounds,
                scale.requests,
                guarded=guarded.url,
                token=token,
            )
            for sample in run_load(plan):
                self._sample(result, sample)

    def _telemetry(self, service: str, storage: str) -> None:
        result = self._begin("telemetry")
        scale = self._scale
        with observed_service(storage) as observed:
            plan = Plan(
                "telemetry", service, storage, str(self._file), 0, scale.rounds, scale.requests, guarded=observed.url
            )
            for sample in run_load(plan):
                self._sample(result, sample)

    def _forward(self, service: str, storage: str, target: str, target_storage: str) -> None:
        size, rounds = self._scale.upload, self._scale.rounds
        result = self._begin("forward", size)
        plan = Plan(
            "forward", service, storage, str(self._file), size, rounds, 1, target=target, target_storage=target_storage
        )
        for sample in run_load(plan):
            self._sample(result, sample)

    def _client(self, name: str, service: str, size: int, count: int) -> None:
        result = self._begin(name, size)
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            files = []
            for number, rows in enumerate(slices(self._file, size, count)):
                files.append(Path(folder) / f"file{number}.csv")
                files[-1].write_bytes(read(self._file, rows))
            for sample in client_against_curl(service, files, self._scale.rounds):
                self._sample(result, sample)

    def _memory(self, name: str, storage: str, size: int, at_once: int, *, rounds: int) -> None:
        """Each round has a new service: a process does not give back all memory after a peak."""
        result = self._begin(name, size)
        for _ in range(rounds):
            with running_service(storage) as service:
                for _ in run_load(Plan("warm-up", service.url, storage, str(self._file), SMALL_FILE, 1, 1)):
                    idle = peak_memory(service.pid)
                for speed in run_load(Plan("stream", service.url, storage, str(self._file), size, 1, at_once)):
                    grown = peak_memory(service.pid) - idle
                    sample = {"service": grown / MIB, "idle MiB": idle / MIB, "MB/s": speed["service"]}
                    self._sample(result, sample)

    def _validator(self, form: str) -> None:
        result = self._begin(form, self._scale.upload)
        for speed in validator_speed(form, self._file, self._scale.upload, self._scale.rounds):
            self._sample(result, {"service": speed})

    def _import(self) -> None:
        result = self._begin("import")
        with tempfile.TemporaryDirectory(dir=self._work) as compiled:
            for round_number in range(self._scale.imports + 1):
                app = import_seconds(THE_APP, Path(compiled)) * 1000
                libraries = import_seconds(THE_LIBRARIES, Path(compiled)) * 1000
                if round_number:
                    self._sample(result, {"service": app, "raw": {"its libraries": libraries}})

    def _begin(self, name: str, size: int | None = None) -> Result:
        result = Result(BARS[name], size)
        self.results.append(result)
        say(f"{result.title}:")
        return result

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
    parser.add_argument("--out", type=Path, help="where the samples go, as JSON (default: bench/results/)")
    arguments = parser.parse_args()
    scale = QUICK if arguments.quick else FULL
    out = arguments.out or ROOT / "bench" / "results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    where = machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        benchmark = Benchmark(scale, Path(work))
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
