"""The installer of ``dev.py``: what it takes for installed, and where it installs from."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from local import install
from local.install import GROUPS, InstallError, uv_settings

Commands = list[list[str]]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    """The programs that would have been run, for a project without anything installed."""
    for name in ("requirements.txt", "requirements", "local/package.json", "local/package-lock.json"):
        source, copy = install.ROOT / name, tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    venv = tmp_path / ".venv"
    monkeypatch.setattr(install, "ROOT", tmp_path)
    monkeypatch.setattr(install, "VENV", venv)
    monkeypatch.setattr(install, "BIN", venv / "bin")
    monkeypatch.setattr(install, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(install, "LOGS", tmp_path / ".setup")
    monkeypatch.setattr(install, "AZURITE", tmp_path / "local")
    monkeypatch.setattr(install, "_node_is_missing", lambda: False)
    monkeypatch.setattr(install, "_output", lambda _command: "")
    ran: Commands = []

    def run(command: Sequence[object], **_options: Any) -> "subprocess.CompletedProcess[bytes]":
        words = [str(word) for word in command]
        ran.append(words)
        if words[1:3] == ["-m", "venv"]:
            (venv / "bin").mkdir(parents=True)
            (venv / "bin" / "python").touch()
        if install.UV in words:
            (venv / "bin" / "uv").touch()
        if words[0] == "npm":
            (tmp_path / "local" / "node_modules").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def requirements_of(command: list[str]) -> list[str]:
    return [command[index + 1] for index, word in enumerate(command) if word == "-r"]


def test_a_second_command_adds_only_what_is_missing(commands: Commands) -> None:
    install.install(("app", "local"), azurite=True)
    (packages,) = [command for command in commands if "-r" in command]
    assert requirements_of(packages) == [GROUPS["app"], GROUPS["local"]]
    assert [command[:2] for command in commands if command[0] == "npm"] == [["npm", "ci"]]

    commands.clear()
    install.install(("app", "local"), azurite=True)
    assert commands == []

    install.install(("app", "local", "test"), azurite=True)
    (packages,) = commands
    assert packages[0].endswith("uv")
    assert requirements_of(packages) == [GROUPS["app"], GROUPS["local"], GROUPS["test"]]

    commands.clear()
    install.install(("app", "local"), azurite=True)
    assert commands == []


def test_a_virtual_environment_of_an_older_dev_py_is_used(commands: Commands) -> None:
    """It has no folder of stamps yet."""
    install.install(("app",), azurite=False)
    shutil.rmtree(install.VENV / "installed")

    install.install(("app", "local"), azurite=False)

    commands.clear()
    install.install(("app", "local"), azurite=False)
    assert commands == []


def test_changed_requirements_are_installed(commands: Commands) -> None:
    install.install(("app", "local"), azurite=False)
    commands.clear()

    (install.ROOT / GROUPS["local"]).write_text("httpx==0.28.0")
    install.install(("app", "local"), azurite=False)

    assert len(commands) == 1
    assert commands[0][0].endswith("uv")


def test_pip_installs_where_there_is_no_uv(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def without_uv(command: Sequence[str], **options: Any) -> Any:
        done = run(command, **options)
        if install.UV in command:
            (install.BIN / "uv").unlink()
            done.returncode = 1
        return done

    monkeypatch.setattr(subprocess, "run", without_uv)
    install.install(("app",), azurite=False)

    assert commands[-1][1:4] == ["-m", "pip", "install"]
    assert requirements_of(commands[-1]) == [GROUPS["app"]]


def test_what_failed_is_named_and_tried_again(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def failing(command: Sequence[str], **options: Any) -> Any:
        done = run(command, **options)
        if command[0] == "npm":
            options["stdout"].write(b"npm cannot reach it\n")
            done.returncode = 1
        return done

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", failing)
        with pytest.raises(InstallError, match=r"npm cannot reach it[\s\S]*Installing Azurite"):
            install.install(("app",), azurite=True)

    commands.clear()
    install.install(("app",), azurite=True)
    assert [command[0] for command in commands] == ["npm"]


def test_nodejs_comes_from_pypi_where_the_machine_has_none(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_node_is_missing", lambda: True)

    install.install(("app",), azurite=True)

    assert requirements_of(commands[-2]) == [GROUPS["app"], GROUPS["node"]]
    assert commands[-1][:2] == ["npm", "ci"]


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == module else find(name))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"

    with pytest.raises(InstallError, match=rf"module {module} is missing.*apt install python{version}-venv"):
        install.install(("app",), azurite=False)
    assert commands == []


PIP_CONFIG = """\
:env:.index-url='https://one.example/simple'
:env:.cert='/etc/ssl/own.pem'
global.constraint='/etc/constraints.txt'
global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'
global.find-links='/wheels /more'
global.index-url='https://other.example/simple'
install.trusted-host='one.example'
global.timeout='60'
"""


def test_uv_installs_from_where_pip_does() -> None:
    assert uv_settings(PIP_CONFIG, {"SSL_CERT_FILE": "/set/already.pem"}) == {
        "UV_DEFAULT_INDEX": "https://one.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_CONSTRAINT": "/etc/constraints.txt",
        "UV_INSECURE_HOST": "one.example",
    }
    assert uv_settings("", {}) == {}


def test_what_python_has_compiled_is_kept_for_the_next_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert "PYTHONDONTWRITEBYTECODE" not in install.environment()
