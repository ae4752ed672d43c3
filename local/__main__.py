"""Runs the whole service: Azurite, the app's routes and its timers. ``python3 dev.py run`` starts this."""

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

import uvicorn

from local.arguments import run_parser
from local.azurite import Azurite, AzuriteError
from local.core_tools import CoreToolsError
from local.core_tools import serve as serve_with_core_tools
from shared.core.environment import SettingsError, storage_variables

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Run until SIGINT or SIGTERM; gives the exit code."""
    arguments = run_parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    # From here on a signal ends everything in order, at any point.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        with ExitStack() as running:
            listener = running.enter_context(_listening(arguments.port))
            port = listener.getsockname()[1]
            url = f"http://127.0.0.1:{port}"
            if arguments.app:
                asyncio.run(_serve(arguments.app, listener, url))
                return 0
            if _own_storage() or arguments.auth == "entra":
                running.enter_context(_locked(arguments.data))
            _choose_auth(arguments, running)
            if arguments.host == "func":
                listener.close()
                running.enter_context(_storage(arguments.data))
                return serve_with_core_tools(ROOT, port)
            if arguments.telemetry:
                # Imported here, since the SDK takes a while.
                from local.telemetry import observe  # noqa: PLC0415

                running.callback(observe())
            # Before the app is imported, which reads it. With it, links do not come from a caller's Host header.
            os.environ.setdefault("UPLOADS_PUBLIC_URL", url)
            running.enter_context(_storage(arguments.data, meanwhile=_import_app))
            asyncio.run(_serve_own_app(listener, url))
    except (AzuriteError, CoreToolsError, SettingsError, StartError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


class StartError(Exception):
    """The service cannot be started as asked; the message says what to do."""


def _choose_auth(arguments: argparse.Namespace, running: ExitStack) -> None:
    """Choose how the service authenticates: not at all, or by the tokens of a local issuer that is started here."""
    if arguments.auth == "entra":
        # Imported only here, where its cryptography is needed.
        from local.issuer import issuer  # noqa: PLC0415

        os.environ.update(running.enter_context(issuer(arguments.data)))
    else:
        os.environ["UPLOADS_AUTH"] = arguments.auth or os.environ.get("UPLOADS_AUTH", "none")


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """The socket to serve on. It is opened before anything starts, so that a port in use is reported at once."""
    try:
        listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    except OSError as error:
        raise StartError(
            f"Port {port} cannot be used ({error.strerror}). Is the service running already? "
            "If not, choose another port: --port 7072, or --port 0 for any free one."
        ) from None
    # Without this an answer's body waits for the acknowledgement of its head, 40 ms. asyncio sets it by itself only on
    # sockets that were made with the protocol's number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """Lock the data folder for this run."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(
                f"The data in {data} is in use by another run. Stop that run, or choose another folder with --data."
            ) from None
        yield


def _own_storage() -> bool:
    """Whether to start Azurite: the environment names no storage."""
    return not storage_variables(os.environ)


@contextmanager
def _storage(data: Path, meanwhile: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Storage for the app: the account that the environment names, or else an Azurite that is started here.

    ``meanwhile`` runs while Azurite starts: importing the app takes as long.
    """
    if not _own_storage():
        meanwhile()
        yield
        return
    account = Azurite(data)
    os.environ["UPLOADS_STORAGE"] = account.connection_string
    try:
        with ThreadPoolExecutor(1) as threads:
            other = threads.submit(meanwhile)
            account.start()
            other.result()
        yield
    finally:
        account.stop()


def _import_app() -> None:
    # It reads the settings, which must be set before, and writes what is wrong with them to standard error.
    try:
        import function_app  # noqa: F401, PLC0415
    except SettingsError:
        raise SystemExit(1) from None


async def _serve_own_app(listener: socket.socket, url: str) -> None:
    # Imported here, since it reads the settings.
    from shared.core.settings import settings  # noqa: PLC0415
    from shared.storage.account import close_storage  # noqa: PLC0415
    from shared.web.host import BODY_LIMIT  # noqa: PLC0415

    os.environ.setdefault(BODY_LIMIT, str(settings().largest_upload_bytes))
    try:
        await _serve(ROOT, listener, url)
    finally:
        await close_storage()


async def _serve(folder: Path, listener: socket.socket, url: str) -> None:
    """Serve the ``function_app.py`` of a folder with its ``host.json``."""
    # Imported here, since they bring the app's packages.
    from local.host.app import Host  # noqa: PLC0415
    from local.host.kestrel import KestrelProtocol  # noqa: PLC0415

    sys.path.insert(0, str(folder))
    host = Host(import_module("function_app").app, folder / "host.json")
    config = uvicorn.Config(
        host,
        http=KestrelProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    # From now on a request waits until the server takes it.
    sys.stdout.write(f"ready {url}\npage  {url}/uploads\n")
    sys.stdout.flush()
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
