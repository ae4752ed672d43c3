"""Starts the service as a separate process, on storage that the caller provides."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import httpx

from local import service
from local.service import NEVER
from tests.support.client import NO_TLS
from tests.support.forks import start_fork

T = TypeVar("T")

# Where every service keeps its log unless a test names a place, so that ``test_logs`` can read all of them.
log_folder: Path | None = None


@contextmanager
def running_service(
    storage: str,
    log_to: Path | None = None,
    arguments: Sequence[str] = (),
    program: Sequence[str] = ("local",),
    /,
    **settings: str | int,
) -> Iterator[str]:
    """The service's URL while it runs on that storage (a connection string); its timer fires when a test says so."""
    own: dict[str, str | int] = {"storage": storage, "expiry_schedule": NEVER, **settings}
    if log_to is None and log_folder is not None:
        log_to = log_folder / f"{uuid4()}.log"
    with service.running_service(own, arguments=arguments, program=program, log_to=log_to, start=start_fork) as running:
        yield running.url


def fire_timer(url: str) -> None:
    """Run ``expire_sessions`` now."""
    answer = httpx.post(f"{url}/admin/functions/expire_sessions?wait=1", json={"input": ""}, timeout=60, verify=NO_TLS)
    assert answer.status_code in (200, 202), answer.text


def eventually(look: Callable[[], T], *, seconds: float = 15) -> T:
    """Look again and again until there is something to see; what was seen last if the time is over."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen
