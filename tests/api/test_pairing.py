"""A request of which only half reaches Microsoft's worker ends soon, and whole ones leave nothing behind."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from local.service import ROOT

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="Microsoft's worker library is for Python 3.13 and newer"
)

# Each is ended after five seconds; a machine that does other things has as much time again.
SECONDS = 10

REQUESTS = 25_000
# What the process may have grown by; without the guard it grows by 2 kB with each request, six times as much in all.
GROWTH = 8 * 2**20


def run(*arguments: str) -> dict[str, Any]:
    """What ``tests.support.worker_halves`` reports."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADS_", "AzureWebJobs"))}
    env |= {
        "UPLOADS_STORAGE": "UseDevelopmentStorage=true",
        "UPLOADS_AUTH": "none",
        "UPLOADS_PUBLIC_URL": "http://localhost",
    }
    program = [sys.executable, "-m", "tests.support.worker_halves", *arguments]
    ran = subprocess.run(program, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Warning: this version of the Functions worker" not in ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return report


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Some requests of each way, and whole ones meanwhile."""
    return run("ways")


@pytest.mark.waits
@pytest.mark.parametrize(
    ("way", "outcome", "answers"),
    [
        # The app's own answer: this is not a session's id.
        ("%0A in the path", "success", {400}),
        ("a control character in a header", "failure", {400}),
        ("a header that the host cannot send on", "failure", set()),
        ("an id of the caller's own", "failure", {500}),
        ("the same id in several requests", "failure", {400, 500}),
    ],
)
def test_a_request_of_which_half_arrives_ends(
    report: dict[str, Any], way: str, outcome: str, answers: set[int]
) -> None:
    ended = report["ways"][way]

    assert max(seconds for halves in ended for _, seconds in halves) < SECONDS
    assert {came for (came, _), *_ in ended} == {outcome}
    assert {status for _, *requests in ended for status, _ in requests} == answers


@pytest.mark.waits
def test_whole_requests_are_answered_meanwhile(report: dict[str, Any]) -> None:
    assert {status for status, _ in report["others"]} == {400}
    assert max(seconds for _, seconds in report["others"]) < 5
    assert len(report["others"]) >= 5


@pytest.mark.waits
def test_the_worker_keeps_nothing_of_any_request(report: dict[str, Any]) -> None:
    assert report["records"] == 0


@pytest.mark.slow("of many requests to Microsoft's worker")
def test_the_worker_does_not_grow_with_the_number_of_requests() -> None:
    report = run("flood", str(REQUESTS))

    print(report)
    assert report["records"] == 0
    assert report["after"] - report["before"] < GROWTH
