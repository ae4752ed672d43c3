"""The service as a process of its own, as `python3 dev.py run` starts it, on storage that the caller brings."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, TypeVar

import httpx

ROOT = Path(__file__).parent.parent
START_SECONDS = 30
STOP_SECONDS = 15

# The timer fires when a test says so: this schedule comes round on New Year's Day.
NEVER = "0 0 0 1 1 *"

T = TypeVar("T")


@contextmanager
def running_service(
    storage: str,
    log_to: Path | None = None,
    arguments: Sequence[str] = (),
    program: Sequence[str] = ("local",),
    /,
    **settings: str | int,
) -> Iterator[str]:
    """The service's URL while it runs on that storage.

    Args:
        storage: a connection string.
        log_to: where to keep what it logs.
        arguments: what to add to the command.
        program: the module that is run, and what comes first behind it.
        settings: what to set beside it, by the setting's name without ``UPLOADS_``, in lower case.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "AzureWebJobs"))}
    env |= {"UPLOADS_STORAGE": storage, "UPLOADS_EXPIRY_SCHEDULE": NEVER, "PYTHONUNBUFFERED": "1"}
    env |= {f"UPLOADS_{name.upper()}": str(value) for name, value in settings.items()}
    with tempfile.TemporaryFile("w+") if log_to is None else log_to.open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *program, "--port", "0", *arguments],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield _ready_url(process, log)
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


def _ready_url(process: subprocess.Popen[str], log: IO[str]) -> str:
    lines: SimpleQueue[str] = SimpleQueue()
    output = process.stdout
    assert output is not None

    def read_on() -> None:
        for line in output:
            lines.put(line)

    Thread(target=read_on, daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    said: list[str] = []
    while time.monotonic() < deadline:
        try:
            line = lines.get(timeout=0.1)
        except Empty:
            if process.poll() is not None:
                break
            continue
        said.append(line)
        if line.startswith("ready http://"):
            return line.removeprefix("ready ").strip()
    log.seek(0)
    raise RuntimeError(f"the service did not get ready:\n{''.join(said)}\n{log.read()}")


def fire_timer(service: str) -> None:
    """Fire ``expire_sessions`` now, as Core Tools does it."""
    answer = httpx.post(f"{service}/admin/functions/expire_sessions", json={"input": ""}, timeout=60)
    assert answer.status_code in (200, 202), answer.text


def eventually(look: Callable[[], T], *, seconds: float = 15) -> T:
    """Look again and again until there is something to see; what was seen last if the time is over."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen
