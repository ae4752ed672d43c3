"""``dev.py``: what each command installs and runs, and what it refuses."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dev
from local import install
from local.service import ROOT


class Ran(Exception):  # noqa: N818  # no error: what would have been run
    """The program that would have replaced this process."""


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], bool]]:
    """What would have been installed. Nothing is installed, and nothing is run."""
    asked: list[tuple[tuple[str, ...], bool]] = []

    def become(command: list[str], _environment: dict[str, str]) -> None:
        raise Ran(*command[1:])

    monkeypatch.setattr(install, "install", lambda groups, *, azurite: asked.append((groups, azurite)))
    monkeypatch.setattr(dev, "become", become)
    return asked


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, ...]:
    monkeypatch.setattr(sys, "argv", ["dev.py", *arguments])
    with pytest.raises(Ran) as caught:
        dev.main()
    return caught.value.args


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("send", ("accup", "send")),
        ("token", ("local.issuer",)),
        ("test", ("pytest", *dev.COMMANDS["test"].arguments)),
        ("bench", ("bench",)),
        ("check", ("check",)),
    ],
)
def test_arguments_are_passed_on(monkeypatch: pytest.MonkeyPatch, command: str, program: tuple[str, ...]) -> None:
    # The client runs in the caller's folder, from which nothing is imported.
    isolated = ("-P",) if command == "send" else ()
    assert ran(monkeypatch, command, "--quick", "x") == (*isolated, "-m", *program, "--quick", "x")


def test_arguments_of_run_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(monkeypatch, "run", "--port", "0", "--auth", "entra") == (
        "-m", "local", "--port", "0", "--auth", "entra",
    )  # fmt: skip


def test_send_runs_the_client_in_the_caller_s_folder(
    monkeypatch: pytest.MonkeyPatch, installed: list[tuple[tuple[str, ...], bool]], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dev.py", "send", "--help"])

    def become(command: list[str], environment: dict[str, str]) -> None:
        raise Ran(subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True, check=True))

    monkeypatch.setattr(dev, "become", become)
    with pytest.raises(Ran) as caught:
        dev.main()
    assert b"FILE|FOLDER" in caught.value.args[0].stdout
    assert installed == [(("client",), False)]
    assert Path.cwd() == tmp_path


def test_run_installs_neither_tests_nor_lint(
    monkeypatch: pytest.MonkeyPatch, installed: list[tuple[tuple[str, ...], bool]]
) -> None:
    ran(monkeypatch, "run")
    assert installed == [(("app", "local"), True)]


@pytest.mark.parametrize("command", ["run", "demo", "lint"])
def test_unknown_arguments_are_refused_before_anything_is_installed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    installed: list[tuple[tuple[str, ...], bool]],
    command: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.py", command, "--colour"])
    with pytest.raises(SystemExit) as caught:
        dev.main()
    assert caught.value.code == 2
    assert "--colour" in capsys.readouterr().err
    assert installed == []


@pytest.mark.parametrize(("arguments", "code"), [((), 2), (("--help",), 0), (("rnu",), 2)])
def test_without_a_known_command_the_commands_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.py", *arguments])

    assert dev.main() == code

    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in dev.COMMANDS)
    assert "rnu" not in arguments or "There is no command 'rnu'" in told


def test_an_old_python_is_told_which_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 6, 15))

    assert dev.main() == 1

    assert "This is Python 3.6, and dev.py needs Python 3.11 or newer." in capsys.readouterr().err


def test_dev_py_has_the_syntax_of_python_3_6() -> None:
    ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 6))
