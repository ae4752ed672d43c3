"""A pytest plugin: checks the logs of all services that the tests have started.

Each line must be of a kind that may be in a log, so that a log holds ids, counts and kinds and no request data. The
check runs when all tests are done, those of other processes (pytest-xdist) included, and counts as a test.
"""

import re
import shutil
import tempfile
from pathlib import Path

import pytest

FOLDER = pytest.StashKey[Path]()
"""Where the services keep their logs: one folder for all processes of a run."""

_TEST = "tests/support/log_check.py"
_NAME = "test_every_line_of_every_log_is_of_a_known_kind"

GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
REQUEST = re.compile(
    rf"uploads operation=[a-z_]+ status=[2-5]\d\d ms=\d+\.\d bytes=\d+ sent=\d+(?: cut=[a-zA-Z]+)? "
    rf"request={GUID} caller=(?:-|{GUID})"
    rf"(?: (?:catalog|resource|session|file|refusal|principal)={GUID})*"
)
KNOWN = (
    REQUEST,
    re.compile(rf"uploads storage failed: (?:\w+|\d+ \w+) request={GUID}"),
    re.compile(rf"uploads\.expiry session {GUID} with \d+ files expires at \S+ catalog={GUID} resource={GUID}"),
    re.compile(r"uploads\.expiry tick: (?:no session is due|\{(?:'[a-z]+': \d+(?:, )?)+\})"),
    re.compile(
        rf"uploads\.expiry nothing of session {GUID} is deleted: (?:it has \d+ blobs, but neither a row nor a record "
        r"of its deletion|its row and those of its files do not belong together|it has a manifest, and its row says "
        r"that it was never complete); restore its rows"
    ),
    re.compile(
        rf"uploads\.sessions the rows of session {GUID} do not belong together: "
        r"(?:it counts \d+ files, and \d+ have rows|only that of its reference is there); restore its rows"
    ),
    re.compile(
        rf"uploads\.changes (?:\w+ of session (?:{GUID}|None)|a change without a record) has lost \d+ races "
        r"and is given up"
    ),
    re.compile(r"uploads\.storage (?:table|container) [a-z0-9]+ was missing and is created"),
    re.compile(
        r"uploads\.expiry tick: nothing was done, since (?:UPLOADS_[A-Z_]+(?: and )?)+ is shorter than noted .*"
    ),
    re.compile(
        rf"uploads\.timer session (?:{GUID}|of an unreadable index row) could not be processed; "
        r"the next tick tries again: \w+"
    ),
    re.compile(
        r"uploads\.auth the signing keys could not be fetched from \S+/discovery/v2\.0/keys \(\w+\); "
        r"\d+ known ones stay in use"
    ),
    # The sentences of DeliveryError, which hold no data of a request.
    re.compile(rf"uploads\.deliveries session {GUID} to (?:graph|events), attempt \d+: [A-Z][^\"]*\."),
    re.compile(rf"uploads\.optional session {GUID} waits for the timer (?:to be delivered|for its manifest): \w+"),
    re.compile(rf"uploads\.optional a blob of session {GUID} waits for its end: \w+"),
    re.compile(r"uploads\.optional the timer removes a refused directory: \w+"),
    re.compile(r"uploads\.directory the directory was fetched: \d+ users"),
    re.compile(r"uploads\.directory the directory was not fetched(?:: [A-Z][^\"]*\.| within \d+ seconds; .*)"),
    re.compile(r"uploads\.directory the directory that was fetched is refused: [a-zA-Z, ]+"),
    re.compile(r"local\.host\.queues (?:queue [a-z0-9]+|[a-z_]+ did not reach storage): \w+"),
    re.compile(r"uvicorn\.error (?:Started|Finished) server process \[\d+\]"),
    re.compile(r"uvicorn\.error (?:Waiting for|Application) [a-z ]+\.|uvicorn\.error Shutting down"),
    re.compile(
        r"uvicorn\.error Waiting for (?:connections to close|background tasks to complete)\. \(CTRL\+C[a-z ]+\)"
    ),
    re.compile(r"uvicorn\.error Invalid HTTP request received\."),
)
_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")


def unknown_lines(folder: Path) -> list[str]:
    """The lines of a folder's logs that are of no known kind, without their time, each once."""
    lines = {line for log in folder.glob("*.log") for line in log.read_text().splitlines()}
    return sorted({_TIME.sub("", line) for line in lines if not _is_known(line)})


def _is_known(line: str) -> bool:
    logged = _TIME.sub("", line)
    return logged != line and any(kind.fullmatch(logged) for kind in KNOWN)


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder; in a worker take the controller's."""
    given = getattr(config, "workerinput", {}).get("logs")
    config.stash[FOLDER] = Path(given or tempfile.mkdtemp(prefix="uploads-logs-"))


def pytest_configure_node(node: object) -> None:
    """Tell a worker the folder."""
    node.workerinput["logs"] = str(node.config.stash[FOLDER])  # type: ignore[attr-defined]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Check what is there when every service has stopped."""
    folder = session.config.stash[FOLDER]
    # Core Tools writes lines of its own between the app's, and these without the logger's name.
    on_another_host = session.config.getoption("host") != "local"
    if hasattr(session.config, "workerinput") or on_another_host or not any(folder.glob("*.log")):
        return
    unknown = unknown_lines(folder)
    report = pytest.TestReport(
        nodeid=f"{_TEST}::{_NAME}",
        location=(_TEST, None, _NAME),
        keywords={},
        outcome="failed" if unknown else "passed",
        longrepr="\n".join(["Lines that may not be in a log:", *unknown]) if unknown else None,
        when="call",
    )
    session.config.hook.pytest_runtest_logreport(report=report)
    if unknown and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[FOLDER], ignore_errors=True)
