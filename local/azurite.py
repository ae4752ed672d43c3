"""Azurite, Microsoft's storage emulator, as a child process."""

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.core.settings import Settings

HERE = Path(__file__).parent
PROGRAM = HERE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
START_SECONDS = 120

# Azurite's account and key are the same everywhere, and documented ("Use the Azurite emulator").
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class AzuriteError(Exception):
    """Azurite could not be started; the message says what to do."""


class Azurite:
    """One Azurite on one data folder, on ports that stay the same however often it is started."""

    def __init__(self, data: Path, *, in_memory: bool = False) -> None:
        self._data = data
        self._place = ("--inMemoryPersistence",) if in_memory else ("--location", str(data))
        self._process: subprocess.Popen[bytes] | None = None
        self._blob_port, self._queue_port, self._table_port = _free_ports(3)
        host = "http://127.0.0.1"
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={host}:{self._blob_port}/{ACCOUNT};"
            f"QueueEndpoint={host}:{self._queue_port}/{ACCOUNT};"
            f"TableEndpoint={host}:{self._table_port}/{ACCOUNT};"
        )

    def start(self) -> None:
        """Start it, and wait until all of its services answer.

        Raises:
            AzuriteError: it is not installed, or did not come up.
        """
        if not PROGRAM.exists():
            raise AzuriteError("Azurite is not installed here. Start with 'python3 dev.py ...', which installs it.")
        self._data.mkdir(parents=True, exist_ok=True)
        command = [node(), str(PROGRAM), "--silent", *self._place, "--disableTelemetry"]
        # The SDKs speak a newer API version than Azurite knows; without this it would refuse every call.
        command.append("--skipApiVersionCheck")
        for service, port in (("blob", self._blob_port), ("queue", self._queue_port), ("table", self._table_port)):
            command += [f"--{service}Port", str(port)]
        log = (self._data / "azurite.log").open("wb")
        with log:
            # In a separate process group: Ctrl-C reaches only our own process, which then stops this one in order.
            self._process = subprocess.Popen(  # our own program
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # one system call
            )
        deadline = time.monotonic() + START_SECONDS
        for port in (self._blob_port, self._queue_port, self._table_port):
            while not _answers(port):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise AzuriteError(f"Azurite did not start. Its output is in {self._data / 'azurite.log'}.")
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop it, and wait until it has written everything."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


@contextmanager
def azurite(data: Path, *, in_memory: bool = False) -> Iterator[Azurite]:
    """A running Azurite with its data in a folder, or in memory only, with its log in the folder.

    Raises:
        AzuriteError: it is not installed, or did not come up.
    """
    account = Azurite(data, in_memory=in_memory)
    account.start()
    try:
        yield account
    finally:
        account.stop()


@contextmanager
def configured_or_local(settings: "Settings", data: Path) -> Iterator["Settings"]:
    """The settings, if they name a storage account; else with that of an Azurite on the data of ``dev.py run``.

    Raises:
        AzuriteError: it is not installed, or did not come up.
    """
    if settings.storage or settings.blob_endpoint:
        yield settings
        return
    with azurite(data) as own:
        yield settings.model_copy(update={"storage": own.connection_string})


def node() -> str:
    """Node.js: the virtual environment's own if there is one, else that of the PATH.

    Raises:
        AzuriteError: there is none.
    """
    own = Path(sys.prefix) / "bin" / "node"
    found = str(own) if own.exists() else shutil.which("node")
    if found is None:
        raise AzuriteError("Node.js is missing. Start with 'python3 dev.py ...', which installs it.")
    return found


def _free_ports(count: int) -> list[int]:
    """Free ports, chosen by the system; all are held until all are found, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


_SET_PARENT_DEATH_SIGNAL = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG)."""
    if _libc is not None:
        _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
