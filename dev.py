#!/usr/bin/env python3
"""Runs, demonstrates, tests and measures the service on this machine. Installs what a command needs, once.

This file uses only syntax that Python 3.6 can read, so that an old Python gets a clear message.
"""

import os
import subprocess
import sys
from typing import Dict, List, NamedTuple, NoReturn, Tuple

NEEDED = (3, 11)
ROOT = os.path.dirname(os.path.abspath(__file__))


class Command(NamedTuple):
    """A command of ``dev.py``.

    ``groups`` are the groups of Python packages that it needs (``local.install.GROUPS``). ``module`` is what Python
    runs for it, with ``arguments`` before those of the command line. With ``source``, the folder that has the
    module, it runs in the caller's folder, so that relative paths are the caller's.
    """

    help: str
    groups: Tuple[str, ...]
    azurite: bool
    module: str
    arguments: Tuple[str, ...] = ()
    source: str = ""


APP = ("app", "local")
TESTS = (*APP, "client", "worker", "test")

COMMANDS: Dict[str, Command] = {
    "run": Command("run the service and its storage on this machine", APP, True, "local"),
    "demo": Command("take real files through a whole session and show each request", APP, True, "local.demo"),
    "send": Command(
        "send files to an upload session, with the client in client/",
        ("client",),
        False,
        "accup",
        ("send",),
        "client/src",
    ),
    "token": Command("print a token for the service that runs with --auth entra", APP, False, "local.issuer"),
    "check": Command("check what is stored against the invariants; --quick reads no files", APP, False, "check"),
    "backup": Command("copy what is stored into a folder, while the service runs", APP, False, "backup", ("backup",)),
    "restore": Command("write a backup into an empty account", APP, False, "backup", ("restore",)),
    "test": Command(
        "run the quick tests; --all runs all; other arguments go to pytest",
        TESTS,
        True,
        "pytest",
        ("-n", "auto", "--dist", "worksteal"),
    ),
    "bench": Command(
        "compare the service with the raw storage SDK; --quick only shows that it runs", APP, True, "bench"
    ),
    "lint": Command("check style, types and imports", (*TESTS, "lint"), False, ""),
}

CHECKS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy", "."), ("lint-imports",))
"""What ``lint`` runs, each also after another one has failed."""


def main() -> int:
    """Run the command that the command line names; gives the exit code."""
    if sys.version_info < NEEDED:
        this, needed = (".".join(map(str, version)) for version in (sys.version_info[:2], NEEDED))
        sys.stderr.write(
            "This is Python {}, and dev.py needs Python {} or newer. "
            "Install a newer one and start dev.py with it: python{} dev.py run\n".format(this, needed, needed)
        )
        return 1
    name, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if name not in COMMANDS:
        sys.stdout.write(usage() if name in ("", "-h", "--help") else f"There is no command '{name}'.\n\n{usage()}")
        return 0 if name in ("-h", "--help") else 2
    # Only from here on, since an older Python cannot read them.
    from local import arguments as command_line
    from local import install

    # Before anything is installed: a typing error or --help should not have to wait for it.
    command_line.check(name, arguments)
    command = COMMANDS[name]
    try:
        install.install(command.groups, azurite=command.azurite)
    except install.InstallError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    environment = install.environment()
    options = []
    if command.source:
        # It runs in the caller's folder, where a file may have the name of a module.
        options = ["-P"]
        environment["PYTHONPATH"] = os.pathsep.join([os.path.join(ROOT, *command.source.split("/")), ROOT])
    else:
        os.chdir(ROOT)
    if name == "lint":
        return max(subprocess.call([str(install.BIN / tool), *rest], env=environment) for tool, *rest in CHECKS)
    return become([str(install.PYTHON), *options, "-m", command.module, *command.arguments, *arguments], environment)


def usage() -> str:
    """The commands, one line each."""
    lines = [f"  {name:7} {command.help}\n" for name, command in COMMANDS.items()]
    return (
        f"usage: python3 dev.py COMMAND [ARGUMENT ...]\n\n{''.join(lines)}\npython3 dev.py COMMAND --help tells more.\n"
    )


def become(command: List[str], environment: Dict[str, str]) -> NoReturn:
    """Replace this process by a program, so that signals reach the program itself."""
    os.execve(command[0], command, environment)  # our own programs


if __name__ == "__main__":
    sys.exit(main())
