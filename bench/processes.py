"""The processes of a benchmark: the service, the load, and what /proc knows of them."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local import service
from local.issuer import mint
from local.service import NEVER, ROOT, Service
from shared.domain.callers import READ_WRITE_ALL


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
        token: a token that it accepts.
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
    token: str = ""
    target: str = ""
    target_storage: str = ""


@contextmanager
def running_service(storage: str) -> Iterator[Service]:
    """The service on that storage. Its timer does not fire during a measurement."""
    settings = {"storage": storage, "expiry_schedule": NEVER}
    with service.running_service(settings) as running:
        yield running


@contextmanager
def guarded_service(storage: str) -> Iterator[tuple[Service, str]]:
    """The same service, which requires tokens, and a token with every permission."""
    settings = {"storage": storage, "expiry_schedule": NEVER}
    with (
        tempfile.TemporaryDirectory() as data,
        service.running_service(settings, arguments=("--auth", "entra", "--data", data)) as running,
    ):
        yield running, mint(Path(data), roles=[READ_WRITE_ALL])


@contextmanager
def observed_service(storage: str) -> Iterator[Service]:
    """The same with telemetry switched on, whose exporters keep everything in memory."""
    settings = {"storage": storage, "expiry_schedule": NEVER}
    with service.running_service(settings, program=("bench.observed",)) as running:
        yield running


def run_load(plan: Plan) -> Iterator[dict[str, Any]]:
    """The samples of a load process, one per round, as they are measured.

    Raises:
        RuntimeError: it failed; its output is on stderr.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load", json.dumps(asdict(plan))], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError(f"the load '{plan.row}' failed with exit code {process.returncode}")


def peak_memory(pid: int) -> int:
    """The peak resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
