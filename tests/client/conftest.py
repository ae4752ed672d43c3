"""The client, built as a wheel and installed into an environment of its own."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from local.service import ROOT
from tests.client.command import Command
from tests.client.entra import Entra, serving
from tests.client.functions_host import FunctionsHost, functions_host
from tests.support.authority import APP_ID_URI, READ_WRITE_ALL, Authority
from tests.support.client import Resource


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), "./client"]
    subprocess.run([sys.executable, "-m", "pip", *build], cwd=ROOT, check=True)
    (built,) = folder.glob("accup-*.whl")
    return built


def install(place: Path, *what: str | Path) -> Command:
    """The command as pip installs it; its dependencies are those of the tests' own environment."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    variables = {"base": str(place), "platbase": str(place)}
    python = Path(sysconfig.get_path("scripts", vars=variables)) / Path(sys.executable).name
    packages = Path(sysconfig.get_path("purelib", vars=variables))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    options = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", *map(str, what)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *options], check=True, cwd=ROOT)
    return Command(python.parent / "accup", {"ACCUP_CONFIG_DIR": str(place / "settings")})


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command as it is installed from the wheel."""
    return install(tmp_path_factory.mktemp("installed"), wheel)


@pytest.fixture
def accup(installed: Command, resource: Resource) -> Command:
    """The command for a resource and a review instance that nobody has used."""
    return installed.on(resource)


@pytest.fixture
def host(service: str) -> Iterator[FunctionsHost]:
    """The host in front of the service."""
    with functions_host(service) as running:
        yield running


@pytest.fixture
def entra(authority: Authority, tmp_path: Path) -> Iterator[Entra]:
    """The tenant's Entra, whose tokens the service accepts."""
    made = Entra(authority.tenant_id, APP_ID_URI, lambda: authority.token(scp=READ_WRITE_ALL, jti=token_hex(8)))
    with serving(made, tmp_path):
        yield made
