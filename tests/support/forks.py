"""Starts programs as forks of a process that has imported the libraries: most of a start is spent importing them.

The project's own modules are imported by each program for itself, since they read the settings.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.reduction import DupFd
from typing import IO, Any

from local.service import ROOT, Process

# What the service imports of others. Without a name here a start takes longer.
LIBRARIES = [
    "aiohttp",
    "azure.core",
    "azure.data.tables.aio",
    "azure.functions",
    "azure.identity",
    "azure.storage.blob.aio",
    "azurefunctions.extensions.http.fastapi",
    "croniter",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "fastapi",
    "jwt",
    "opentelemetry.sdk.metrics",
    "opentelemetry.sdk.trace.export",
    "pydantic",
    "python_multipart",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "uvicorn.server",
]

_context: ForkServerContext = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(LIBRARIES)


class Fork:
    """A forked program, as far as ``local.service`` needs a ``subprocess.Popen``."""

    def __init__(self, process: ForkServerProcess, stdout: IO[str]) -> None:
        self._process = process
        self.stdout: IO[str] | None = stdout
        self.pid = process.pid or 0
        self.terminate = process.terminate
        self.kill = process.kill

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; gives the exit code.

        Raises:
            subprocess.TimeoutExpired: it has not.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self._process.exitcode


class _Passed:
    """A file descriptor that is passed on: it is unpickled as the number that it has in the other process."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _detach, (DupFd(self._number),)


def _detach(passed: Any) -> int:
    descriptor: int = passed.detach()
    return descriptor


def start_fork(command: Sequence[str], environment: Mapping[str, str], log: IO[str]) -> Process:
    """The same as ``local.service.start_python``."""
    reading, writing = os.pipe()
    passed = _Passed(writing), _Passed(log.fileno())
    process = _context.Process(target=_run, args=(command, dict(environment), *passed), daemon=True)
    process.start()
    os.close(writing)
    return Fork(process, os.fdopen(reading))


def run_fork(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """The same as ``subprocess.run`` of ``python -m command`` in ``ROOT``, with what it wrote as text.

    Raises:
        subprocess.TimeoutExpired: it took longer than a minute.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = start_fork(command, environment, log)
        assert process.stdout is not None
        with process.stdout:
            written = process.stdout.read()
        code = process.wait(60)
        log.seek(0)
        return subprocess.CompletedProcess(command, code, written, log.read())


def _run(command: Sequence[str], environment: Mapping[str, str], stdout: int, stderr: int) -> None:
    """In the fork: do what ``python -m`` does."""
    for number, passed in ((1, stdout), (2, stderr)):
        os.dup2(passed, number)
        os.close(passed)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sys.argv[1:] = command[1:]
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
