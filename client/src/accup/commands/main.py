"""The command line: the group of all commands, and what happens when one fails."""

import os
import sys
from typing import Any

import click

from accup.commands.audit import audit
from accup.commands.check import check
from accup.commands.files import files, get, remove, withdraw
from accup.commands.login import login
from accup.commands.send import send
from accup.commands.sessions import complete, delete, list_sessions, redeliver, status, watch
from accup.errors import AccupError, ApiError
from accup.exit_codes import ExitCode
from accup.screen.console import Screen
from accup.version import VERSION

# httpx imports its own command line wherever rich and pygments are installed: 50 ms for nothing. It can do without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how an import is refused


class InOrder(click.Group):
    """Lists the commands in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which the commands were added."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION, prog_name="accup")
def cli() -> None:
    """Send access data to an upload session of Microsoft Graph, or of a service with the same API."""


for command in (
    send,
    check,
    status,
    list_sessions,
    files,
    get,
    complete,
    redeliver,
    delete,
    remove,
    withdraw,
    watch,
    login,
    audit,
):
    cli.add_command(command)


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
    sys.stdout.flush()
    sys.stderr.flush()
    if code == ExitCode.INTERRUPTED:
        # Uploads in other threads may wait for an answer for minutes; the next run finds out what became of them.
        os._exit(code)
    sys.exit(code)
