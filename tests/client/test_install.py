"""The wheel in an empty environment, with its dependencies from the registry; and memory with a large file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.access_file import HEADER, write_rows
from local.service import ROOT
from tests.client.command import Command
from tests.support.client import Resource

GIB = 2**30


def python_of(version: str) -> str | None:
    """A Python of that version, if the machine has one."""
    found = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [*sorted(pyenv.glob(f"{version}.*/bin/python")), *([Path(found)] if found else [])]
    for candidate in candidates:
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return None


@pytest.mark.slow("of the client in empty environments and with a large file")
@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_the_wheel_works_in_an_empty_environment(wheel: Path, resource: Resource, tmp_path: Path, version: str) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"Python {version} is not on this machine")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([tmp_path / "venv" / "bin" / "pip", "install", "--quiet", wheel], check=True)
    accup = Command(tmp_path / "venv" / "bin" / "accup", {"ACCUP_CONFIG_DIR": str(tmp_path)}).on(resource)
    assert accup("--version").code == 0
    samples = accup("check", ROOT / "samples", "--json")
    assert [file["name"] for file in samples.json["files"] if not file["accepted"]] == ["crm-access-faulty.csv"]
    ran = accup("send", ROOT / "samples" / "crm-access.csv", "--complete", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "complete"


def peak_of_send(accup: Command, file: Path) -> int:
    """The most memory, in bytes, of a send of one file."""
    measured = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    )
    arguments = [sys.executable, "-c", measured, str(accup.program), "send", str(file), "--complete", "--quiet"]
    done = subprocess.run(arguments, env=accup.full_environment, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1]) * 1024


@pytest.mark.slow("of the client in empty environments and with a large file")
def test_a_gigabyte_takes_no_more_memory_than_the_search_for_repeats(
    installed: Command, resource: Resource, tmp_path: Path
) -> None:
    """The validator remembers a million rows, in up to 60 bytes each; beyond that a file's size does not matter."""
    rows = tmp_path / "rows"
    write_rows(rows, GIB - 1000)
    with rows.open("r+b") as written:
        written.truncate(GIB - len(HEADER) - 1_000_000)
    large, small = tmp_path / "large.csv", tmp_path / "small.csv"
    with rows.open("rb") as source, large.open("wb") as to:
        to.write(HEADER)
        shutil.copyfileobj(source, to)
    content = large.read_bytes()
    large.write_bytes(content[: content.rindex(b"\n") + 1])
    small.write_bytes(content[: content.rindex(b"\n", 0, 160_000_000) + 1])
    del content
    first = peak_of_send(installed.on(Resource(resource.http)), small)
    second = peak_of_send(installed.on(Resource(resource.http)), large)
    assert second < first + 16 * 2**20, (first, second)
