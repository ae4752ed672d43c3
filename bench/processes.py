"""The processes of a benchmark: the service, the load, and what /proc knows of them."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local import service
from local.service import NEVER, ROOT, Service


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load process does.

    Args:
        row: which function of ``bench.load``.
        service: the service's URL.
        storage: the connection string of the storage that the service uses.
        file: path of the file of rows (``bench.access_file``).
        size: bytes of one uploaded CSV file.
        rounds: how often each side is measured.
        count: requests, files or seconds of one round, as the row has it.
        guarded: the URL of a service on the same storage that requires tokens, if the row needs one.
        issuer: the data folder of the issuer whose tokens it accepts.
        observed: the URL of a service on the same storage with telemetry, if the row needs one.
        at_once: how many requests are made at the same time.
        local: the URL of the local host, if ``service`` is a worker.
        invocations: the Unix socket of that worker.
        target: the URL of a service on another storage, if the row forwards to one.
        target_storage: that storage's connection string.
    """

    row: str
    service: str
    storage: str
    file: str
    size: int
    rounds: int
    count: int
    guarded: str = ""
    issuer: str = ""
    observed: str = ""
    at_once: int = 1
    local: str = ""
    invocations: str = ""
    target: str = ""
    target_storage: str = ""


@contextmanager
def running_service(storage: str) -> Iterator[Service]:
    """The service on that storage. Its timer does not fire during a measurement."""
    settings = {"storage": storage, "expiry_schedule": NEVER}
    with service.running_service(settings) as running:
        yield running


@contextmanager
def guarded_service(storage: str, program: Sequence[str] = ("local",)) -> Iterator[tuple[Service, str]]:
    """The same service, which requires tokens, and the data folder of their issuer. It takes them at any pace."""
    settings: dict[str, str | int] = {"storage": storage, "expiry_schedule": NEVER, "requests_per_minute": 1_000_000}
    with (
        tempfile.TemporaryDirectory() as data,
        service.running_service(settings, program=program, arguments=("--auth", "entra", "--data", data)) as running,
    ):
        yield running, data


@contextmanager
def counted_service(storage: str, spans: Path) -> Iterator[tuple[Service, str]]:
    """The same with telemetry switched on; when it has ended, its spans are in a file."""
    with guarded_service(storage, ("bench.counted", str(spans))) as running:
        yield running


@contextmanager
def observed_service(storage: str) -> Iterator[Service]:
    """The same with telemetry switched on, whose exporters keep everything in memory."""
    settings = {"storage": storage, "expiry_schedule": NEVER}
    with service.running_service(settings, program=("bench.observed",)) as running:
        yield running


@contextmanager
def running_worker(storage: str, invocations: Path) -> Iterator[Service]:
    """Microsoft's worker with the app, which listens for its invocations on that Unix socket."""
    settings = {"storage": storage, "auth": "none", "public_url": "http://127.0.0.1", "expiry_schedule": NEVER}
    with service.running_service(settings, program=("bench.worker", str(invocations))) as running:
        yield running


def run_load(plan: Plan) -> Iterator[dict[str, Any]]:
    """The samples of a load process, one per round, as they are measured.

    Raises:
        RuntimeError: it failed; its output is on stderr.
    """
    with _load(plan) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError(f"the load '{plan.row}' failed with exit code {process.returncode}")


@contextmanager
def crowd(plans: Sequence[Plan]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Load processes that work at the same time; what is given has each of them take a sample.

    Raises:
        RuntimeError: one failed; its output is on stderr.
    """
    with ExitStack() as running:
        processes = [running.enter_context(_load(plan)) for plan in plans]

        def samples() -> list[dict[str, Any]]:
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            return [_sample(process) for process in processes]

        yield samples


def _sample(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a load failed")
    sample: dict[str, Any] = json.loads(line)
    return sample


def _load(plan: Plan) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(plan))]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def peak_memory(pid: int) -> int:
    """The peak resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
