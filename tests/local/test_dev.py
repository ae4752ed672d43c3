"""``dev.py``: what is written behind a command reaches the program that knows it."""

import sys

import pytest

import dev


class Ran(Exception):  # noqa: N818  # no error: what would have been run
    """The program that would have taken our place."""


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def become(command: list[str]) -> None:
        raise Ran(*command[1:])

    monkeypatch.setattr(dev, "prepare", lambda: None)
    monkeypatch.setattr(dev, "become", become)


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, ...]:
    monkeypatch.setattr(sys, "argv", ["dev.py", *arguments])
    with pytest.raises(Ran) as caught:
        dev.main()
    return caught.value.args


@pytest.mark.parametrize(
    ("command", "module"),
    [("token", "local.issuer"), ("test", "pytest"), ("bench", "bench"), ("check", "local.check")],
)
def test_arguments_are_passed_on(monkeypatch: pytest.MonkeyPatch, command: str, module: str) -> None:
    assert ran(monkeypatch, command, "--quick", "x") == ("-m", module, "--quick", "x")


def test_what_run_is_told_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ran(monkeypatch, "run", "--port", "0", "--auth", "entra")
    assert told == ("-m", "local", "--port", "0", "--host", "local", "--auth", "entra")


@pytest.mark.parametrize("command", ["run", "demo", "lint"])
def test_what_nobody_knows_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["dev.py", command, "--colour"])
    with pytest.raises(SystemExit) as caught:
        dev.main()
    assert caught.value.code == 2
    assert "--colour" in capsys.readouterr().err
