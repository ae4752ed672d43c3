"""Clients that public generators make of the OpenAPI document take a file through a session, without an adjustment."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.install import environment
from tests.support.access_files import access_file

HERE = Path(__file__).parent

pytestmark = pytest.mark.slow("of generated clients")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A valid file of three rows."""
    path = tmp_path / "access.csv"
    path.write_bytes(access_file(3))
    return path


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes the TypeScript client, as ``package-lock.json`` has it. Installed here: no other test needs it."""
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    return folder / "node_modules"


def test_a_python_client_takes_a_file_through_a_session(service: str, file: Path, tmp_path: Path) -> None:
    package, document = tmp_path / "uploads_api", f"{service}/v1.0/uploads/openapi"
    made = _run("openapi-python-client", "generate", "--url", document, "--meta", "none", "--output-path", str(package))
    # It warns of what it leaves out: it knows no text/csv, and takes the form instead.
    assert set(re.findall(r"^WARNING.*\s+(.*)", made, re.MULTILINE)) == {"Unsupported content type text/csv"}, made

    printed = _run(sys.executable, str(HERE / "session.py"), service, str(file), env={"PYTHONPATH": str(tmp_path)})

    assert json.loads(printed) == _expected(file)


def test_a_typescript_client_takes_a_file_through_a_session(
    service: str, file: Path, tmp_path: Path, node_modules: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / "session.ts", tmp_path)
    programs = node_modules / ".bin"
    document = f"{service}/v1.0/uploads/openapi"
    _run(str(programs / "openapi-typescript"), document, "--output", "schema.ts", cwd=tmp_path)
    compiler = [str(programs / "tsc"), "--strict", "--target", "es2022", "--module", "esnext"]
    _run(*compiler, "--moduleResolution", "bundler", "--skipLibCheck", "session.ts", cwd=tmp_path)

    printed = _run("node", "session.js", service, str(file), cwd=tmp_path)

    assert json.loads(printed) == _expected(file)


def _expected(file: Path) -> dict[str, Any]:
    size = file.stat().st_size
    return {"refused": ["line 1"], "files": [[file.name, size, 3]], "count": 1, "listed": [True], "bytes": size}


def _run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a program prints on both of its streams; it must succeed."""
    own = os.environ | environment() | (env or {})
    done = subprocess.run(
        command, cwd=cwd, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
