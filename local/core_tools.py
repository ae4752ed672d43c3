"""Azure Functions Core Tools (``func``) as the host, instead of our own."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 10

# The app answers this path with any settings, and every answer of the app has an id, which none of the host's has.
_HEALTH = "/uploads/health"
_APP_HEADER = "request-id"


class CoreToolsError(Exception):
    """Core Tools cannot be used; the message says what to do."""


def serve(root: Path, port: int) -> int:
    """Run ``func start`` on a port until it ends; gives its exit code.

    Its output is our standard error. It ends with everything that it has started when this is interrupted.

    Raises:
        CoreToolsError: ``func`` is not on the PATH.
        SettingsError: the app would not start.
    """
    func = find()
    # In a process group of its own, which has the host and its workers, too: Ctrl-C reaches only our process, which
    # then ends all of them. Such a group must not read from the terminal.
    process = subprocess.Popen(
        [func, "start", "--port", str(port)],
        cwd=root,
        env=_environment(os.environ, port),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        process_group=0,
    )
    try:
        while process.poll() is None and not _app_answers(port):
            time.sleep(0.2)
        if process.poll() is None:
            sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
            sys.stdout.flush()
        return process.wait()
    finally:
        _stop(process)


def find() -> str:
    """The path of ``func``.

    Raises:
        CoreToolsError: it is not on the PATH.
    """
    func = shutil.which("func")
    if func is None:
        raise CoreToolsError(
            "'func' is not on the PATH. Install Azure Functions Core Tools (npm i -g azure-functions-core-tools@4), "
            "or leave '--host func' away: our own host needs nothing else."
        )
    return func


def _environment(ours: Mapping[str, str], port: int) -> dict[str, str]:
    """The environment of ``func``, which prefers it to ``local.settings.json``; what is set in ours stays."""
    # Imported here, since they read the settings.
    from shared.core.settings import load_settings  # noqa: PLC0415
    from shared.web.host import BODY_LIMIT  # noqa: PLC0415

    defaults = {
        BODY_LIMIT: str(load_settings().largest_upload_bytes),
        # For links. Core Tools would call it localhost, and callers use the address.
        "WEBSITE_HOSTNAME": f"127.0.0.1:{port}",
    }
    # Core Tools itself needs a storage account, too.
    if storage := ours.get("UPLOADS_STORAGE"):
        defaults["AzureWebJobsStorage"] = storage
    # HTTP streams need the second one with Python 3.10 to 3.12.
    needed = {"FUNCTIONS_WORKER_RUNTIME": "python", "PYTHON_ENABLE_INIT_INDEXING": "1"}
    return defaults | dict(ours) | needed


def _app_answers(port: int) -> bool:
    """Whether a request reaches the app: the host listens before it has loaded the app, and answers by itself then."""
    # Not by a proxy that the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{_HEALTH}", timeout=10) as answer:
            return _APP_HEADER in answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return _APP_HEADER in error.headers
    except OSError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the process and all others of its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # What has not ended by itself, such as a worker that outlives its host.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
