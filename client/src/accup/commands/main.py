"""The command line: the group of all commands, and what happens when one fails."""

import errno
import os
import sys
from importlib import import_module
from traceback import format_exception

import click

from accup import __version__
from accup.commands.streams import guard_standard_streams
from accup.errors import AccupError, ExitCode, InterruptedByUserError, OutputError, UsageError
from accup.screen import Screen

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
    "logout": ("login", "logout"),
    "directory": ("people", "directory"),
    "accounts": ("people", "accounts"),
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
@click.version_option(__version__, prog_name="accup")
def cli() -> None:
    """Send access data to an upload session of Microsoft Graph, or of a service with the same API."""


def main() -> None:
    """Run the command line and end the process with an exit code of ``ExitCode``."""
    stdout = guard_standard_streams()
    screen = Screen(as_json="--json" in sys.argv)
    code = run(screen)
    sys.stdout.flush()
    if stdout.fault is not None and code == ExitCode.DONE:
        code = ExitCode.OUTPUT
        # Who closes a pipe does not want to read more.
        if stdout.fault.errno != errno.EPIPE:
            screen.say(f"accup: Done, but the result could not be written to stdout: {stdout.fault.strerror}.")
    sys.stderr.flush()
    # At once: threads that wait for an answer are not waited for. The next run finds out what became of uploads that
    # were interrupted.
    os._exit(code)


def run(screen: Screen, arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit code. However a command fails, that is said, and never with a traceback."""
    try:
        return cli.main(arguments, prog_name="accup", standalone_mode=False) or ExitCode.DONE
    except click.ClickException as error:
        error.show(sys.stderr)
        screen.result({"error": UsageError(error.format_message()).as_json()})
        return ExitCode.USAGE
    except SystemExit as end:
        # Click's completion of the shell.
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # nobody is above us
        return failed(screen, _meaning(screen, error))


def _meaning(screen: Screen, error: BaseException) -> AccupError:
    """What ended a command, as one of our errors."""
    match error:
        case AccupError():
            return error
        case KeyboardInterrupt() | click.Abort():
            return InterruptedByUserError("Interrupted. The same command continues where it stopped.")
        case OSError():
            return OutputError.of(error)
    for line in format_exception(error) if "--debug" in sys.argv else ():
        screen.say(line.rstrip())
    return AccupError(
        f"A fault in the client itself ({type(error).__name__}). Please report it with what --debug says."
    )


def failed(screen: Screen, error: AccupError) -> ExitCode:
    """Say why a command failed; gives its exit code."""
    screen.result({"error": error.as_json()})
    screen.say(f"accup: {error.explanation}")
    return error.exit_code
