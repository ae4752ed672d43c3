"""The command line: the group of all commands, and what happens when one fails."""

import os
import sys
from importlib import import_module
from typing import Any

import click

from accup.errors import AccupError, ApiError
from accup.exit_codes import ExitCode
from accup.screen.console import Screen
from accup.version import VERSION

# Modules that httpx imports where they are installed, and that no command uses: its own command line, and HTTP/2. Each
# takes 15 to 50 ms.
for _unused in ("httpx._main", "h2"):
    sys.modules.setdefault(_unused, None)  # type: ignore[arg-type]  # None is how an import is refused

# NumPy starts a thread for each core, for linear algebra, which the validator does not use. That takes 40 ms.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The commands in the order in which people need them, with their module and function. Only the module of the command
# that is run is imported.
_COMMANDS = {
    "send": ("send", "send"),
    "check": ("check", "check"),
    "status": ("sessions", "status"),
    "list": ("sessions", "list_sessions"),
    "files": ("files", "files"),
    "get": ("files", "get"),
    "complete": ("sessions", "complete"),
    "redeliver": ("sessions", "redeliver"),
    "delete": ("sessions", "delete"),
    "remove": ("files", "remove"),
    "withdraw": ("files", "withdraw"),
    "watch": ("sessions", "watch"),
    "login": ("login", "login"),
    "audit": ("audit", "audit"),
}


class Commands(click.Group):
    """The commands; each is imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, function = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"accup.commands.{module}"), function)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION, prog_name="accup")
def cli() -> None:
    """Send access data to an upload session of Microsoft Graph, or of a service with the same API."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with an exit code of ``ExitCode``."""
    given = sys.argv[1:] if arguments is None else arguments
    screen = Screen(as_json="--json" in given, debug="--debug" in given)
    try:
        code: Any = cli.main(given, prog_name="accup", standalone_mode=False)
    except click.ClickException as error:
        error.show(sys.stderr)
        code = ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        screen.say("\nInterrupted. The same command continues where it stopped.")
        code = ExitCode.INTERRUPTED
    except AccupError as error:
        code = failed(screen, error)
    except BrokenPipeError:
        # Whoever read stdout has gone; writing what is buffered at exit would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.SERVICE
    _end(code if isinstance(code, int) else ExitCode.DONE)


def failed(screen: Screen, error: AccupError) -> ExitCode:
    """Say why a command failed; gives its exit code."""
    if screen.as_json:
        body: dict[str, Any] = {"message": str(error)}
        if isinstance(error, ApiError):
            body |= {"code": error.code, "innerCode": error.inner_code, "requestId": error.request_id}
            body["details"] = [finding.as_json() for finding in error.findings]
        screen.result({"error": body})
    screen.say(f"accup: {error.explanation}")
    return error.exit_code


def _end(code: int) -> None:
    """End the process at once: threads that wait for an answer are not waited for, and nothing is left to be freed.

    The next run finds out what became of uploads that were interrupted.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
