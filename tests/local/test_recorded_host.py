"""Our own host answers what Microsoft's host answered: same function, same path, headers and body, same status."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.service import running_service
from tests.support.forks import start_fork
from tests.support.wire import connection

FOLDER = Path(__file__).parent / "recorded_host"
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in json.loads((FOLDER / "cases.json").read_text())}

# Where our own host differs, the status that it answers, and why.
DIFFERENT = {
    # The real host never answers: a function that names no methods is called, and the request is lost on its way to the
    # worker. Every function of this app names its methods.
    "no methods named: PURGE": 200,
    # The real host never answers: it cannot send the header on to the worker. With the guard of shared/web/pairing.py
    # it answers 500 after some seconds; here it does at once.
    "a header value in UTF-8": 500,
    # Methods are case-sensitive (RFC 9110, section 9.1): our own host refuses others, Kestrel does not.
    "a method in lower case": 400,
    # Microsoft's host has a page about itself there; ours leads to the page of the app.
    "the root": 307,
}


@pytest.fixture(scope="module")
def recorded() -> Iterator[str]:
    """The URL of our own host, which serves the function app of the recorded answers."""
    with running_service({}, arguments=("--app", str(FOLDER)), start=start_fork) as service:
        yield service.url


@pytest.mark.parametrize("name", CASES)
def test_a_request_is_answered_as_by_microsofts_host(recorded: str, name: str) -> None:
    case = CASES[name]

    answer = _answer(recorded, case["request"].encode("latin-1"))

    if name in DIFFERENT:
        assert answer != case["answer"], "it does not differ any more: remove it from DIFFERENT"
        assert answer["status"] == DIFFERENT[name]
    else:
        assert answer == case["answer"]


def _answer(url: str, request: bytes) -> dict[str, Any]:
    """The status, and the JSON of the function that answered; ``None`` if it was not a function."""
    with connection(url) as connected:
        connected.sendall(request)
        received = b""
        while piece := connected.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/") else None
    try:
        seen = json.loads(body)
    except ValueError:
        seen = None
    return {"status": status, "seen": seen if isinstance(seen, dict) and "function" in seen else None}
