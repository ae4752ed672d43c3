"""The command lines of ``dev.py run`` and ``dev.py demo``. ``dev.py`` checks them before it installs anything."""

import argparse
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run_parser() -> argparse.ArgumentParser:
    """The arguments of ``dev.py run``."""
    parser = argparse.ArgumentParser(
        prog="dev.py run", description="Run the service and its storage on this machine, until Ctrl-C."
    )
    parser.add_argument("--port", type=int, default=7071, help="where to listen; 0 for a free port (default 7071)")
    parser.add_argument(
        "--data",
        type=lambda path: Path(path).resolve(),
        default=ROOT / ".data",
        help="folder of Azurite's data, which is kept (default .data)",
    )
    parser.add_argument(
        "--auth",
        choices=("none", "entra"),
        help="none: no authentication; entra: a token of 'dev.py token' (default UPLOADS_AUTH, or none)",
    )
    parser.add_argument(
        "--host", choices=("local", "func"), default="local", help="our own host, or Core Tools' func (default local)"
    )
    parser.add_argument(
        "--app",
        type=lambda path: Path(path).resolve(),
        metavar="FOLDER",
        help="serve the function_app.py and host.json of another folder instead, without storage",
    )
    parser.add_argument(
        "--telemetry",
        action="store_true",
        help="print traces and metrics, or send them to OTEL_EXPORTER_OTLP_ENDPOINT; with the local host only",
    )
    return parser


def demo_parser() -> argparse.ArgumentParser:
    """The arguments of ``dev.py demo``."""
    parser = argparse.ArgumentParser(
        prog="dev.py demo", description="Take real files through a whole session and show each request."
    )
    parser.add_argument("--url", help="use the service at this URL instead of starting one; no session expires there")
    return parser


def check(command: str, arguments: Sequence[str]) -> None:
    """Refuse arguments that a command does not know, or show its help. Commands with parsers of their own pass.

    Raises:
        SystemExit: the arguments are wrong, or ask for help.
    """
    lint = argparse.ArgumentParser(prog="dev.py lint", description="Check style, types and imports.")
    parsers = {"run": run_parser(), "demo": demo_parser(), "lint": lint}
    if command in parsers:
        parsers[command].parse_args(arguments)
