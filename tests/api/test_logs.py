"""What a request leaves in the log. The lines of all tests are checked at their end: ``tests.support.log_check``."""

import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.client import Resource
from tests.support.log_check import REQUEST, unknown_lines

TIME = "2026-11-24 15:40:42,123"


@pytest.mark.own_host("on the form of its log")
def test_a_request_is_one_line_with_the_ids_of_its_path(log_folder: Path, http: httpx.Client) -> None:
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
    assert REQUEST.search(line)
    assert "operation=upload_file status=200" in line
    assert int(re.findall(r"bytes=(\d+)", line)[0]) == int(answer.request.headers["Content-Length"])
    for word in (f"catalog={resource.catalog_id}", f"resource={resource.resource_id}", f"session={session.id}"):
        assert word in line
    assert name not in line


def test_the_check_of_all_logs_finds_request_data(tmp_path: Path) -> None:
    known = f"{TIME} uploads operation=get_file status=200 ms=1.5 bytes=0 sent=0 request={uuid4()} caller=-"
    (tmp_path / "a.log").write_text(f"{known}\n{known} session={uuid4()}\n")
    assert unknown_lines(tmp_path) == []

    (tmp_path / "b.log").write_text(f"{known} name=access.csv\nTraceback\n")
    assert len(unknown_lines(tmp_path)) == 2
