"""Installs what a command of ``dev.py`` needs: Python packages into .venv, and Azurite into local/node_modules.

The two are installed at the same time. What is installed already stays, and nothing is installed twice.
"""

import ast
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
LOGS = ROOT / ".setup"
AZURITE = ROOT / "local"

GROUPS = {"app": "requirements.txt"} | {
    name: f"requirements/{name}.txt" for name in ("local", "client", "node", "worker", "test", "lint")
}
"""The groups of Python packages, each with its file."""

UV = "uv==0.13.9"
OLDEST_NODE = 20
LAST_LINES = 15


class InstallError(Exception):
    """Something could not be installed; the message says what to do."""


def install(groups: Sequence[str], *, azurite: bool) -> None:
    """Install the groups and Azurite, as far as they are missing.

    Raises:
        InstallError: a package registry cannot be reached, or this Python cannot make virtual environments.
    """
    if azurite and _node_is_missing():
        groups = [*groups, "node"]
    if not _missing(groups) and not (azurite and _azurite_is_missing()):
        return
    LOGS.mkdir(exist_ok=True)
    with _locked(), ThreadPoolExecutor(2) as pool:
        _say("Installing what is missing. This happens once.")
        began = time.monotonic()
        packages = pool.submit(_install_packages, groups)
        both: list[Future[None]] = [packages]
        if azurite:
            both.append(pool.submit(_install_azurite, packages if "node" in groups else None))
        for each in both:
            each.result()
        _say(f"Installed in {time.monotonic() - began:.0f} s.")


def environment() -> dict[str, str]:
    """The environment with the programs of .venv before those of the machine, in which Python keeps its bytecode.

    Containers often set the variable that forbids it, so that each process of the tests would compile all packages.
    """
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return own | {"PATH": f"{BIN}{os.pathsep}{own.get('PATH', '')}"}


def _missing(groups: Sequence[str]) -> list[str]:
    """The groups that are not installed as their files have them now."""
    if not PYTHON.exists() or _read(VENV / "made-for") != _python_version():
        return list(groups)
    return [group for group in groups if _read(_stamp(group)) != _fingerprint(GROUPS[group])]


def _install_packages(groups: Sequence[str]) -> None:
    if not _missing(groups):
        return
    if not PYTHON.exists() or _read(VENV / "made-for") != _python_version():
        _make_venv()
    # All groups of the command and not only those that are missing: the versions have to fit together.
    files = [argument for group in groups for argument in ("-r", GROUPS[group])]
    what = f"Python packages ({', '.join(groups)})"
    uv, pip = BIN / "uv", [str(PYTHON), "-m", "pip"]
    pip_install = [*pip, "install", "--disable-pip-version-check", "--no-input"]
    try:
        if not uv.exists():
            _run("uv, a fast installer", "uv", [*pip_install, UV])
        own = environment() | uv_settings(_output([*pip, "config", "list"]), os.environ)
        _run(what, "packages", [str(uv), "pip", "install", "--python", str(PYTHON), *files], env=own)
    except InstallError:
        # uv is not to be had, or the index is one that only pip can use, such as one with a keyring.
        _say("uv cannot install them. Installing with pip, which takes longer.")
        _run(f"{what} with pip", "packages", [*pip_install, *files])
    (VENV / "installed").mkdir(exist_ok=True)
    for group in groups:
        _stamp(group).write_text(_fingerprint(GROUPS[group]))


def _make_venv() -> None:
    lacking = [module for module in ("venv", "ensurepip") if importlib.util.find_spec(module) is None]
    if lacking:
        raise InstallError(
            f"{sys.executable} cannot make a virtual environment: its module {lacking[0]} is missing. "
            f"On Debian and Ubuntu install it with: apt install python{_python_version()}-venv"
        )
    if VENV.exists():
        _say(f"The packages in .venv are not for Python {_python_version()}: installing them again.")
        shutil.rmtree(VENV)
    _run("virtual environment in .venv", "venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    (VENV / "made-for").write_text(_python_version())


def _install_azurite(node: "Future[None] | None") -> None:
    """Install Azurite, after Node.js if that is installed, too."""
    if not _azurite_is_missing():
        return
    if node is not None:
        node.result()
    own = BIN / "npm"
    command = [str(own) if own.exists() else "npm", "ci", "--no-audit", "--no-fund"]
    _run("Azurite, the storage emulator", "azurite", command, cwd=AZURITE)
    (AZURITE / "node_modules" / ".made").write_text(_azurite_fingerprint())


def _azurite_is_missing() -> bool:
    return _read(AZURITE / "node_modules" / ".made") != _azurite_fingerprint()


def _azurite_fingerprint() -> str:
    return _fingerprint("local/package.json", "local/package-lock.json")


def _node_is_missing() -> bool:
    """Whether the machine has no Node.js that is new enough, or no npm; what is in .venv does not count."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return True
    try:
        major = int(_output([node, "--version"]).strip().lstrip("v").split(".")[0])
    except ValueError:
        return True
    return major < OLDEST_NODE


def _run(
    what: str,
    log: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a program and keep what it prints in a log.

    Raises:
        InstallError: it failed; the message has the last lines of the log.
        KeyboardInterrupt: it was stopped by Ctrl-C.
    """
    path = LOGS / f"{log}.log"
    _say(f"  {what} ...")
    began = time.monotonic()
    with path.open("wb") as output:
        try:
            code = subprocess.run(
                command, cwd=cwd or ROOT, env=env or environment(), stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
        except OSError as error:
            raise InstallError(f"{command[0]} could not be started: {error}") from None
    if code in (-signal.SIGINT, 128 + signal.SIGINT):
        raise KeyboardInterrupt
    if code != 0:
        last = path.read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
        raise InstallError(
            "\n".join(last)
            + f"\n\nInstalling {what} failed. The last lines of its output are above, all of it is in "
            + f"{path.relative_to(ROOT)}.\nCheck that the package registries (PyPI and npm) can be reached; behind a "
            "proxy, set HTTPS_PROXY. Then run the same command again: it continues where it stopped."
        )

    _say(f"  {what}: {time.monotonic() - began:.0f} s")


def _say(text: str) -> None:
    """Write a line, from any thread."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def _locked() -> Iterator[None]:
    """One installation at a time: ``dev.py`` may run twice at once."""
    with (LOGS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.stderr.write("Another dev.py is installing. Waiting for it to finish.\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _stamp(group: str) -> Path:
    return VENV / "installed" / group


def _fingerprint(*names: str) -> str:
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in names)).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


# The sections of pip's configuration that concern "pip install", the weakest first.
_SECTIONS = ("global", "install", ":env:")

# By pip's option: uv's variables, and the separator of several values.
_VARIABLES = {
    "index-url": (("UV_DEFAULT_INDEX",), " "),
    "extra-index-url": (("UV_INDEX",), " "),
    "find-links": (("UV_FIND_LINKS",), ","),
    "no-index": (("UV_NO_INDEX",), " "),
    "constraint": (("UV_CONSTRAINT",), " "),
    "trusted-host": (("UV_INSECURE_HOST",), " "),
    "cert": (("SSL_CERT_FILE",), " "),
    "client-cert": (("SSL_CLIENT_CERT",), " "),
    "proxy": (("HTTP_PROXY", "HTTPS_PROXY"), " "),
}


def uv_settings(pip_config: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to set for uv, so that it installs from where pip does, whose configuration it does not read.

    Sources: "pip config" and "uv: Environment variables" (the documentation of both).

    Args:
        pip_config: what ``pip config list`` prints.
        environment: what is set already, which wins.
    """
    found: dict[tuple[str, str], str] = {}
    for line in pip_config.splitlines():
        match = re.fullmatch(r"(:env:|\w+)\.([\w-]+)=(['\"].*)", line)
        if match:
            found[match[1], match[2]] = str(ast.literal_eval(match[3]))
    settings: dict[str, str] = {}
    for option, (variables, separator) in _VARIABLES.items():
        values = [found[section, option] for section in _SECTIONS if (section, option) in found]
        if values:
            settings |= dict.fromkeys(variables, separator.join(values[-1].split()))
    if "UV_INDEX" in settings:
        # As pip does: the best version of all indexes, not of the first that has the package.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in settings.items() if name not in environment}
