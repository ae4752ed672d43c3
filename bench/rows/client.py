"""The client against curl: each puts the same files into a new session, verifies what is stored, and completes it.

curl does what a careful person's script does: one file after the other, each with a process of its own; then the
digests of the local files are compared with those that the session has. Two more figures show what the result depends
on: a script without the digests, and one process of curl that sends four files at a time, which is the least that any
client can take.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.service import ROOT

_CURL = ("curl", "--silent", "--show-error", "--fail-with-body")
_AT_ONCE = 4
# As in the client, ``accup.api.upload``.
_CHUNKED_ABOVE_BYTES = 1024 * 1024


def client_against_curl(service: str, files: Sequence[Path], rounds: int) -> Iterator[dict[str, Any]]:
    """The seconds that each takes; they take turns. The first round, which fills caches, does not count.

    ``processor`` has the seconds of processor time of the client and of curl.
    """
    for number in range(rounds + 1):
        client, client_processor = _measured(lambda: _send(service, files))
        curl, curl_processor = _measured(lambda: _curl_and_verify(service, files))
        alone, _ = _measured(lambda: _curl_alone(service, files))
        parallel, _ = _measured(lambda: _curl_in_parallel(service, files))
        if number:
            yield {
                "service": client,
                "raw": {"curl and sha256sum": curl},
                "curl alone": alone,
                "curl in parallel": parallel,
                "processor": [client_processor, curl_processor],
            }


def _measured(work: Callable[[], None]) -> tuple[float, float]:
    """The seconds that it takes, and the processor time of the processes that it runs."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    taken, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _send(service: str, files: Sequence[Path]) -> None:
    ids = [f"--{name}={uuid4()}" for name in ("catalog", "resource", "review")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "client" / "src"), str(ROOT)])}
    command = [sys.executable, "-m", "accup", "send", *map(str, files), f"--url={service}", *ids]
    subprocess.run([*command, "--complete", "--json"], env=environment, check=True, capture_output=True)


def _curl_and_verify(service: str, files: Sequence[Path]) -> None:
    session = _create(service)
    for file in files:
        _upload(session, file)
    sums = _run("sha256sum", *map(str, files)).decode().split()[::2]
    stored = {file["name"]: file["@uploads.sha256"] for file in json.loads(_curl(f"{session}?$expand=files"))["files"]}
    if stored != {file.name: digest for file, digest in zip(files, sums, strict=True)}:
        raise RuntimeError("the session does not have what curl sent")
    _complete(session)


def _curl_alone(service: str, files: Sequence[Path]) -> None:
    session = _create(service)
    for file in files:
        _upload(session, file)
    _complete(session)


def _curl_in_parallel(service: str, files: Sequence[Path]) -> None:
    session = _create(service)
    command = ["curl", "--parallel", "--parallel-immediate", "--parallel-max", str(_AT_ONCE)]
    for file in files:
        # Options of a transfer are forgotten at --next.
        command += [*_CURL[1:], *_form(session, file), "--output", os.devnull, "--next"]
    _run(*command[:-1])
    _complete(session)


def _create(service: str) -> str:
    """A new session; gives its URL."""
    governance = f"{service}/v1.0/identityGovernance/entitlementManagement"
    sessions = f"{governance}/catalogs/{uuid4()}/resources/{uuid4()}/uploadSessions"
    data = {"reviewDefinitionId": str(uuid4()), "reviewInstanceId": str(uuid4())}
    created = _curl(sessions, "--json", json.dumps({"data": data}))
    return f"{sessions}/{json.loads(created)['id']}"


def _upload(session: str, file: Path) -> None:
    _curl(*_form(session, file))


def _form(session: str, file: Path) -> tuple[str, ...]:
    """As the client sends it: a large form is chunked, since the Functions host keeps one with a length whole."""
    if file.stat().st_size > _CHUNKED_ABOVE_BYTES:
        return f"{session}/uploadFile", "--header", "Transfer-Encoding: chunked", "--form", f"file=@{file}"
    return f"{session}/uploadFile", "--form", f"file=@{file}"


def _complete(session: str) -> None:
    _curl(session, "--request", "PATCH", "--json", '{"isUploadDone": true}')


def _curl(*arguments: str) -> bytes:
    return _run(*_CURL, *arguments)


def _run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout
