"""The processes of a benchmark: the service, the load, and what /proc knows of them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from local import service
from local.service import NEVER, ROOT, Service

Sample = tuple[float, float | None]
"""The figure of the service, and that of the other side if there is one."""

MEGABYTE = 1_000_000


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
        count: requests or files of one round, as the row has it.
        issuer: the data folder of the issuer of the tokens that the service requires, if it does.
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
    issuer: str = ""
    target: str = ""
    target_storage: str = ""


@contextmanager
def running_service(storage: str, issuer: str = "") -> Iterator[Service]:
    """The service on that storage, without a limit for requests; with an issuer's data folder it requires tokens.

    Its timer does not fire during a measurement.
    """
    settings: dict[str, str | int] = {"storage": storage, "expiry_schedule": NEVER, "requests_per_minute": 1_000_000}
    arguments = ("--auth", "entra", "--data", issuer) if issuer else ()
    with service.running_service(settings, arguments=arguments) as running:
        yield running


def run_load(plan: Plan) -> Iterator[Sample]:
    """The samples of a load process, one per round, as they are measured: of the service, and without it.

    Raises:
        RuntimeError: it failed; its output is on stderr.
    """
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(plan))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield tuple(json.loads(line))
    if process.returncode:
        raise RuntimeError(f"the load '{plan.row}' failed with exit code {process.returncode}")


def peak_memory(pid: int) -> int:
    """The peak resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
