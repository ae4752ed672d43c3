"""Streams that cannot encode, that are full, closed or given up: what is asked is done, and its exit code is true."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.client.command import Command, folder_of
from tests.support.access_files import access_file
from tests.support.client import Resource


def shell(accup: Command, line: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which ``$accup`` is the command; its exit code is that of the command."""
    environment = {**accup.full_environment, "accup": str(accup.program), **variables}
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, check=False, timeout=120)


def status_of(resource: Resource) -> str:
    (session,) = resource.sessions().json()["value"]
    return str(session["status"])


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16", "utf-8"])
@pytest.mark.parametrize("name", ["Użytkownicy ł", "Zugänge", "データ 😀"])
def test_json_is_ascii_whatever_stdout_can_encode(accup: Command, tmp_path: Path, encoding: str, name: str) -> None:
    folder = folder_of(tmp_path / "in", **{name: access_file()})
    done = shell(accup, f"$accup send '{folder}' --complete --json", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.decode("utf-16" if encoding == "utf-16" else "ascii"))
    assert [file["name"] for file in told["files"]] == [f"{name}.csv"]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_table_shows_what_stdout_cannot_encode_as_escapes(accup: Command, tmp_path: Path, encoding: str) -> None:
    folder = folder_of(tmp_path / "in", Użytkownicy=access_file())
    done = shell(accup, f"$accup send '{folder}' --complete; $accup files", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert b"U\\u017cytkownicy.csv" in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("options", ["--json", ""])
def test_a_full_disk_under_stdout_is_told_after_the_work_is_done(
    accup: Command, resource: Resource, tmp_path: Path, options: str
) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    done = shell(accup, f"$accup send '{folder}' --complete {options} > /dev/full")
    assert done.returncode == 7
    assert b"could not be written to stdout: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert status_of(resource) == "complete"


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-", ">&-", "<&-", "<&- >&- 2>&-", "2> >(exit)"], ids=str)
def test_no_stream_keeps_a_send_from_its_end(
    accup: Command, resource: Resource, tmp_path: Path, redirection: str
) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    done = shell(accup, f"$accup send '{folder}' --complete {redirection}")
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert status_of(resource) == "complete"


@pytest.mark.parametrize("options", ["--json", ""])
def test_who_closes_the_pipe_wants_no_words(accup: Command, tmp_path: Path, options: str) -> None:
    folder = folder_of(tmp_path / "in", **{f"file{number}": access_file() for number in range(3)})
    assert shell(accup, f"$accup send '{folder}' --complete").returncode == 0
    done = shell(accup, f"$accup files {options} | true; exit ${{PIPESTATUS[0]}}")
    assert done.returncode in (0, 7), "0 where it was faster than the other end"
    assert done.stderr == b""
    done = shell(accup, f"exec 3> >(exec 0<&-; sleep 0.01); sleep 0.5; $accup files {options} >&3")
    assert (done.returncode, done.stderr) == (7, b"")
