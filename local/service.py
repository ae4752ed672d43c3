"""Runs the service as a separate process with given settings: for the demo, the benchmark and the tests."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO, Protocol

ROOT = Path(__file__).parent.parent
START_SECONDS = 120
STOP_SECONDS = 15

NEVER = "0 0 0 1 1 *"
"""A schedule that is due only on New Year's Day: for callers that fire the timer themselves or do not want it."""


class ServiceNotReadyError(Exception):
    """The service did not start; the message is its output."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its URL and its process."""

    url: str
    pid: int


class Process(Protocol):
    """What is needed of a ``subprocess.Popen[str]``."""

    pid: int
    stdout: IO[str] | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


Start = Callable[[Sequence[str], Mapping[str, str], IO[str]], Process]
"""Starts a module with arguments, an environment and a log in ``ROOT``."""


def start_python(command: Sequence[str], environment: Mapping[str, str], log: IO[str]) -> Process:
    """``python -m command``, with a pipe as its standard output."""
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
    )


@contextmanager
def running_service(
    settings: Mapping[str, str | int],
    *,
    arguments: Sequence[str] = (),
    program: Sequence[str] = ("local",),
    log_to: Path | None = None,
    start: Start = start_python,
) -> Iterator[Service]:
    """The service while it runs, on a free port, as ``python3 dev.py run`` starts it.

    Args:
        settings: by their names without ``UPLOADS_``, in lower case; those of our own environment are not used.
        arguments: what to add to the command.
        program: the module that is run, and its first arguments.
        log_to: the file of its log.
        start: what starts the process.

    Raises:
        ServiceNotReadyError: it ended, or was not ready within ``START_SECONDS``.
        subprocess.TimeoutExpired: it did not stop within ``STOP_SECONDS``.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "AzureWebJobs"))}
    env |= {f"UPLOADS_{name.upper()}": str(value) for name, value in settings.items()}
    env["PYTHONUNBUFFERED"] = "1"
    with tempfile.TemporaryFile("w+") if log_to is None else log_to.open("w+") as log:
        process = start([*program, "--port", "0", *arguments], env, log)
        try:
            yield Service(_ready_url(process, log), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            finally:
                if process.stdout:
                    process.stdout.close()


def _ready_url(process: Process, log: IO[str]) -> str:
    output, said, ready = process.stdout, list[str](), Event()
    assert output is not None  # noqa: S101  # it is a pipe

    def read() -> None:
        for line in output:
            said.append(line)
            if line.startswith("ready http://"):
                ready.set()

    Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while not ready.wait(0.1):
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            raise ServiceNotReadyError(f"the service did not start:\n{''.join(said)}\n{log.read()}")
    return next(line.removeprefix("ready ").strip() for line in said if line.startswith("ready "))
