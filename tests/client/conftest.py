"""The client, built as a wheel and installed into an environment of its own."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.service import ROOT
from tests.client.command import Command
from tests.client.functions_host import FunctionsHost, functions_host


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            "./client",
        ],
        cwd=ROOT,
        check=True,
    )
    (built,) = folder.glob("accup-*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command as it is installed; its dependencies are those of the tests' own environment."""
    place = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    variables = {"base": str(place), "platbase": str(place)}
    python = Path(sysconfig.get_path("scripts", vars=variables)) / Path(sys.executable).name
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True)
    packages = Path(sysconfig.get_path("purelib", vars=variables))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    settings = tmp_path_factory.mktemp("settings")
    return Command(python.parent / "accup", {"ACCUP_CONFIG_DIR": str(settings)})


@pytest.fixture
def host(service: str) -> Iterator[FunctionsHost]:
    """The host in front of the service."""
    with functions_host(service) as running:
        yield running
