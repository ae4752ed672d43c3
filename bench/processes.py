"""The processes of a benchmark: the service, the load, and what /proc knows of them."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
STOP_SECONDS = 15

# The timer shall not fire in the middle of a measurement: this schedule comes round on New Year's Day.
_NEVER = "0 0 0 1 1 *"


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its URL and its process."""

    url: str
    pid: int


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
    """

    row: str
    service: str
    storage: str
    file: str
    size: int
    rounds: int
    count: int


@contextmanager
def running_service(storage: str) -> Iterator[Service]:
    """The service on that storage, as ``python3 dev.py run`` starts it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "AzureWebJobs"))}
    env |= {"UPLOADS_STORAGE": storage, "UPLOADS_EXPIRY_SCHEDULE": _NEVER, "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "--port", "0"],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("ready http://"):
                    yield Service(line.removeprefix("ready ").strip(), process.pid)
                    break
            else:
                log.seek(0)
                raise RuntimeError(f"the service did not start:\n{log.read()}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def run_load(plan: Plan) -> Iterator[dict[str, Any]]:
    """The samples of a load process, as it takes them: one a round.

    Raises:
        RuntimeError: it failed; what it said is on stderr.
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
    """The most memory that a process ever had resident, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
