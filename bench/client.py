"""The client against curl: each puts the same files into a new session and completes it.

curl sends one file after the other and checks nothing. The client also checks every file before it is sent, and
compares what is stored with it afterwards.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.service import ROOT
from tests.support.client import DATA_TYPE, SESSION_TYPE

_CURL = ("curl", "--silent", "--show-error", "--fail-with-body")


def client_against_curl(service: str, files: Sequence[Path], rounds: int) -> Iterator[dict[str, Any]]:
    """The seconds that each takes; both take turns. The first round, which fills caches, does not count."""
    for number in range(rounds + 1):
        sample = {"service": _seconds_of_client(service, files), "raw": {"curl": _seconds_of_curl(service, files)}}
        if number:
            yield sample


def _seconds_of_client(service: str, files: Sequence[Path]) -> float:
    ids = [f"--{name}={uuid4()}" for name in ("catalog", "resource", "review")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "client" / "src"), str(ROOT)])}
    command = [
        sys.executable,
        "-m",
        "accup",
        "send",
        *map(str, files),
        f"--url={service}",
        *ids,
        "--complete",
        "--json",
    ]
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def _seconds_of_curl(service: str, files: Sequence[Path]) -> float:
    governance = f"{service}/v1.0/identityGovernance/entitlementManagement"
    sessions = f"{governance}/catalogs/{uuid4()}/resources/{uuid4()}/uploadSessions"
    data = {"@odata.type": DATA_TYPE, "reviewDefinitionId": str(uuid4()), "reviewInstanceId": str(uuid4())}
    began = time.perf_counter()
    created = _curl(sessions, "--json", json.dumps({"@odata.type": SESSION_TYPE, "data": data}))
    session = f"{sessions}/{json.loads(created)['id']}"
    for file in files:
        _curl(f"{session}/uploadFile", "--form", f"file=@{file}")
    _curl(session, "--request", "PATCH", "--json", '{"isUploadDone": true}')
    return time.perf_counter() - began


def _curl(*arguments: str) -> bytes:
    return subprocess.run([*_CURL, *arguments], check=True, capture_output=True).stdout
