"""Every way to install the client, with the newest and the lowest of what it needs; and memory with a large file."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from bench.access_file import HEADER, write_rows
from local.service import ROOT
from tests.client.command import Command
from tests.client.conftest import install
from tests.client.entra import SCOPE, Entra, naming
from tests.support.authority import Authority
from tests.support.client import Resource

LARGE = 5 * 2**26


def python_of(version: str) -> str | None:
    """A Python of that version, if the machine has one."""
    found = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [*sorted(pyenv.glob(f"{version}.*/bin/python")), *([Path(found)] if found else [])]
    for candidate in candidates:
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return None


def check_works(accup: Command, cwd: Path) -> None:
    """See that it starts, and has the validator, wherever it is called."""
    assert accup("--version", cwd=cwd).code == 0
    samples = accup("check", ROOT / "samples", "--json", cwd=cwd)
    assert [file["name"] for file in samples.json["files"] if not file["accepted"]] == ["crm-access-faulty.csv"]


def sdist(folder: Path) -> Path:
    """The client's source distribution."""
    build = "import hatchling.build; hatchling.build.build_sdist(r'{}')"
    subprocess.run([sys.executable, "-c", build.format(folder)], cwd=ROOT / "client", check=True, capture_output=True)
    (built,) = folder.glob("accup-*.tar.gz")
    return built


@pytest.mark.parametrize("way", ["a folder", "editable", "an sdist", "git"])
def test_every_way_to_install_gives_a_client_with_its_validator(tmp_path: Path, way: str) -> None:
    what: dict[str, list[str | Path]] = {
        "a folder": ["./client"],
        "editable": ["-e", "./client"],
        "an sdist": [sdist(tmp_path)],
        "git": [f"git+file://{ROOT}#subdirectory=client"],
    }
    check_works(install(tmp_path / "venv", *what[way]), tmp_path)


def test_files_in_the_folder_of_the_caller_are_not_imported(tmp_path: Path) -> None:
    """``dev.py send`` runs there, and the folder may hold anything."""
    for name in ("click", "rich", "accup"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    command = [sys.executable, str(ROOT / "dev.py"), "send", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: accup send" in done.stdout


def test_without_the_validator_nothing_is_built(tmp_path: Path) -> None:
    """Of a part of the repository, such as a Dockerfile's COPY client."""
    shutil.copytree(ROOT / "client", tmp_path / "client", ignore=shutil.ignore_patterns("__pycache__"))
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(tmp_path / "client")]
    done = subprocess.run([sys.executable, "-m", "pip", *build], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "The validator is missing" in done.stdout + done.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_the_package_says_what_it_is(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as packed:
        (name,) = [each for each in packed.namelist() if each.endswith("METADATA")]
        told = message_from_bytes(packed.read(name))
        assert "accup/py.typed" in packed.namelist()
    with tarfile.open(sdist(tmp_path)) as source:
        assert any(each.endswith("access_data/validator.py") for each in source.getnames())
    assert told["Requires-Python"] == ">=3.11"
    assert "Private :: Do Not Upload" in told.get_all("Classifier", [])
    assert told["Summary"]
    assert "](" not in str(told.get_payload()), "a relative link leads nowhere from an index"


@pytest.mark.slow("of the client in empty environments and with a large file")
def test_it_works_with_the_lowest_versions_that_it_declares(
    wheel: Path, resource: Resource, guarded: str, entra: Entra, authority: Authority, tmp_path: Path
) -> None:
    """Of all that it names itself; what those need is the newest."""
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    lowest = [re.sub(r">=([\d.]+).*", r"==\1", each) for each in project["dependencies"]]
    (tmp_path / "lowest").write_text("\n".join(lowest))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", wheel, "-c", tmp_path / "lowest"], check=True)
    frozen = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert set(lowest) <= {line.replace("_", "-") for line in frozen}
    accup = Command(python.parent / "accup", {"ACCUP_CONFIG_DIR": str(tmp_path)}).on(resource)
    check_works(accup, tmp_path)
    sent = accup("send", ROOT / "samples" / "crm-access.csv", "--complete", "--json")
    assert sent.code == 0, sent.err
    assert accup("get", "--output", tmp_path / "out").code == 0
    with naming(guarded, authority) as url:
        accup = accup.using(ACCUP_URL=url, **entra.environment)
        tried = accup.using(ACCUP_SCOPE=SCOPE)("list", "--credential", "environment", "--json")
        assert (tried.code, "EnvironmentCredential" in tried.err) == (4, True)
        for arguments in (("login", "--scope", SCOPE), ("list",), ("login", "--status"), ("logout",)):
            ran = accup(*arguments)
            assert ran.code == 0, (arguments, ran.err)
        assert accup("list").code == 4


@pytest.mark.slow("of the client in empty environments and with a large file")
@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_the_wheel_works_in_an_empty_environment(wheel: Path, resource: Resource, tmp_path: Path, version: str) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"Python {version} is not on this machine")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([tmp_path / "venv" / "bin" / "pip", "install", "--quiet", wheel], check=True)
    accup = Command(tmp_path / "venv" / "bin" / "accup", {"ACCUP_CONFIG_DIR": str(tmp_path)}).on(resource)
    check_works(accup, tmp_path)
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
def test_a_large_file_takes_no_more_memory_than_the_search_for_repeats(
    installed: Command, resource: Resource, tmp_path: Path
) -> None:
    """The validator remembers a million rows, in up to 60 bytes each; beyond that a file's size does not matter."""
    rows = tmp_path / "rows"
    write_rows(rows, LARGE - 1000)
    with rows.open("r+b") as written:
        written.truncate(LARGE - len(HEADER) - 1_000_000)
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
