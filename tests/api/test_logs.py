"""The logs of every service that the whole suite has run: ids, counts and kinds, and nothing of what callers sent.

It runs last. Lines are held against what may be in a log at all, so that nothing has to be guessed that may not.
"""

import re
from pathlib import Path
from uuid import uuid4

import httpx

from tests.support.client import Resource

GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
REQUEST = re.compile(
    rf"uploads operation=[a-z_]+ status=[2-5]\d\d ms=\d+\.\d bytes=\d+ request={GUID} caller=(?:-|{GUID})"
    rf"(?: (?:catalog|resource|session|file|principal)={GUID})*"
)
KNOWN = (
    REQUEST,
    re.compile(rf"uploads storage failed: (?:\w+|\d+ \w+) request={GUID}"),
    re.compile(r"uploads\.expiry tick: (?:no session is due|\{(?:'[a-z]+': \d+(?:, )?)+\})"),
    re.compile(r"uploads\.storage (?:table|container) [a-z0-9]+ was missing and is created again"),
    re.compile(
        r"uploads\.expiry tick: nothing was done, since (?:UPLOADS_[A-Z_]+(?: and )?)+ is shorter than noted .*"
    ),
    re.compile(
        rf"uploads\.expiry session (?:{GUID}|of an unreadable index row) could not be processed; "
        r"the next tick tries again: \w+"
    ),
    re.compile(
        r"uploads\.auth the signing keys could not be fetched from \S+/discovery/v2\.0/keys \(\w+\); "
        r"\d+ known ones stay in use"
    ),
    re.compile(r"uvicorn\.error (?:Started|Finished) server process \[\d+\]"),
    re.compile(r"uvicorn\.error (?:Waiting for|Application) [a-z ]+\.|uvicorn\.error Shutting down"),
    re.compile(
        r"uvicorn\.error Waiting for (?:connections to close|background tasks to complete)\. \(CTRL\+C[a-z ]+\)"
    ),
    re.compile(r"uvicorn\.error Invalid HTTP request received\."),
)
_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")


def test_every_line_of_every_log_is_of_a_known_kind(log_folder: Path, http: httpx.Client) -> None:
    Resource(http).new_session().uploaded("access.csv")
    lines = [line for log in log_folder.glob("*.log") for line in log.read_text().splitlines()]

    unknown = {_TIME.sub("", line) for line in lines if not _is_known(line)}

    assert sorted(unknown) == []
    assert any(REQUEST.search(line) for line in lines)


def _is_known(line: str) -> bool:
    said = _TIME.sub("", line)
    return said != line and any(kind.fullmatch(said) for kind in KNOWN)


def test_a_request_is_one_line_that_names_what_it_was_about(log_folder: Path, http: httpx.Client) -> None:
    resource, name = Resource(http), f"{uuid4()}.csv"
    session = resource.new_session()
    answer = session.upload(name)

    lines = [
        line
        for log in log_folder.glob("*.log")
        for line in log.read_text().splitlines()
        if answer.headers["request-id"] in line
    ]

    (line,) = lines
    assert "operation=upload_file status=200" in line
    assert int(re.findall(r"bytes=(\d+)", line)[0]) == int(answer.request.headers["Content-Length"])
    for word in (f"catalog={resource.catalog_id}", f"resource={resource.resource_id}", f"session={session.id}"):
        assert word in line
    assert name not in line
