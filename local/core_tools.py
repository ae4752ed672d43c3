"""Azure Functions Core Tools (``func``) as the host, instead of our own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path


class CoreToolsError(Exception):
    """Core Tools cannot be used; the message says what to do."""


def serve(root: Path, port: int) -> int:
    """Run ``func start`` on a port until it ends; gives its exit code.

    Raises:
        CoreToolsError: ``func`` is not on the PATH.
    """
    func = shutil.which("func")
    if func is None:
        raise CoreToolsError(
            "'func' is not on the PATH. Install Azure Functions Core Tools (npm i -g azure-functions-core-tools@4), "
            "or leave '--host func' away: our own host needs nothing else."
        )
    # Core Tools itself needs a storage account, too; for Python 3.10 to 3.12 HTTP streams need the setting.
    environment = (
        {"AzureWebJobsStorage": os.environ.get("UPLOADS_STORAGE", "")}
        | os.environ
        | {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "PYTHON_ENABLE_INIT_INDEXING": "1",
        }
    )
    process = subprocess.Popen([func, "start", "--port", str(port)], cwd=root, env=environment, stdout=sys.stderr)
    try:
        while process.poll() is None and not _answers(port):
            time.sleep(0.2)
        if process.poll() is None:
            sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
            sys.stdout.flush()
        return process.wait()
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
