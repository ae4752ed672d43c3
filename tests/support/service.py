"""Starts the service as a separate process, on storage that the caller provides, under our own host or Core Tools."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeVar
from uuid import uuid4

import httpx

from local import service
from local.service import NEVER
from tests.support.client import NO_TLS
from tests.support.forks import start_fork

T = TypeVar("T")

OWN_PROGRAM = ("local",)

# What runs the services: ``local`` or ``func`` (``dev.py test --host``).
host = "local"

# Settings of a service without authentication, for which all tests of this machine are one caller.
ONE_CALLER = {"UPLOADS_REQUESTS_PER_MINUTE": "1000000", "UPLOADS_CALLER_SHARE_PERCENT": "100"}

# Where every service keeps its log unless a test names a place, so that ``test_logs`` can read all of them.
log_folder: Path | None = None


@contextmanager
def running_service(
    storage: str,
    log_to: Path | None = None,
    arguments: Sequence[str] = (),
    program: Sequence[str] = OWN_PROGRAM,
    /,
    **settings: str | int,
) -> Iterator[str]:
    """The service's URL while it runs on that storage (a connection string); its timer fires when a test says so."""
    own: dict[str, str | int] = {"storage": storage, "expiry_schedule": NEVER}
    if "auth" not in settings:
        own |= {name.removeprefix("UPLOADS_").lower(): value for name, value in ONE_CALLER.items()}
    own |= settings
    if log_to is None and log_folder is not None:
        log_to = log_folder / f"{uuid4()}.log"
    if host == "func":
        assert tuple(program) == OWN_PROGRAM, "a test with a program of its own is marked own_host"
        arguments = ["--host", "func", *arguments]
    with service.running_service(own, arguments=arguments, program=program, log_to=log_to, start=start_fork) as running:
        if log_to is not None:
            _timers[running.url] = _Timer(log_to)
        yield running.url


@dataclass(slots=True)
class _Timer:
    """The runs of a service's timer under Core Tools, where the answer to a call comes before the run."""

    log: Path
    fired: int = 0
    lock: Lock = field(default_factory=Lock)

    def runs(self) -> list[str]:
        """How each run has ended, by the host's log: ``Executed 'Functions.NAME' (Succeeded, Id=..., ...)``."""
        return _EXECUTED.findall(self.log.read_text(errors="replace"))


_EXECUTED = re.compile(r"Executed 'Functions\.expire_sessions' \((\w+)")
_timers: dict[str, _Timer] = {}


def fire_timer(url: str) -> None:
    """Fire ``expire_sessions`` now, and wait until it has run."""
    call = f"{url}/admin/functions/expire_sessions"
    if host == "local":
        # Our own host answers when it has run if it is asked to.
        answer = httpx.post(call, params={"wait": "1"}, json={"input": ""}, timeout=60, verify=NO_TLS)
        assert answer.status_code in (200, 202), answer.text
        return
    timer = _timers[url]
    with timer.lock:
        answer = httpx.post(call, json={"input": ""}, timeout=60, verify=NO_TLS)
        assert answer.status_code == 202, answer.text
        timer.fired += 1
        mine = timer.fired
    assert eventually(lambda: len(timer.runs()) >= mine, seconds=60), "the timer has not run"
    assert set(timer.runs()) == {"Succeeded"}, "the log of the service says why"


def eventually(look: Callable[[], T], *, seconds: float = 15) -> T:
    """Look again and again until there is something to see; what was seen last if the time is over."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen
