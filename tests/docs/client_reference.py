"""The reference of the client's command line, made of its commands."""

import sys
from collections.abc import Sequence

import click

from tests.docs.documents import ROOT

# pytest finds the client by its settings; ``python -m tests.docs`` does not.
sys.path.insert(0, str(ROOT / "client" / "src"))

from accup.api.host_answers import HOST_ANSWERS
from accup.commands.main import cli
from accup.commands.options import SHARED
from accup.errors import ExitCode

_CONTEXT = click.Context(cli, info_name="accup")


def exit_codes() -> list[Sequence[str]]:
    """Rows: a code and its meaning."""
    return [(f"`{code.value}`", code.meaning) for code in ExitCode]


def host_answers() -> list[Sequence[str]]:
    """Rows: a status of the Functions host, its meaning, and what to do."""
    return [(str(status), answer.meaning, answer.advice) for status, answer in HOST_ANSWERS.items()]


def shared_options() -> list[Sequence[str]]:
    """Rows: the options that several commands have."""
    seen: dict[str, click.Option] = {}
    for command in _commands():
        for option in _options(command):
            if option.name in SHARED:
                seen.setdefault(str(option.name), option)
    return [_row(seen[name]) for name in SHARED]


def commands() -> list[Sequence[str]]:
    """Rows: a command's usage, what it does, and the options that it alone has."""
    return [(f"`{_usage(command)}`", " ".join((command.help or "").split()), _own(command)) for command in _commands()]


def _own(command: click.Command) -> str:
    rows = [_row(option) for option in _options(command) if option.name not in SHARED]
    return "<br>".join(f"{names}{f', {variable}' if variable else ''}: {meaning}" for names, variable, meaning in rows)


def _commands(group: click.Group = cli) -> list[click.Command]:
    """The commands, those of a group in its place, under the name that one types."""
    found: list[click.Command] = []
    for name in group.list_commands(_CONTEXT):
        command = group.get_command(_CONTEXT, name)
        if isinstance(command, click.Group):
            for each in _commands(command):
                each.name = f"{name} {each.name}"
                found.append(each)
        elif command is not None:
            found.append(command)
    return found


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _usage(command: click.Command) -> str:
    context = click.Context(command, info_name=command.name, parent=_CONTEXT)
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def _row(option: click.Option) -> Sequence[str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    meaning = (option.help or "").rstrip(".")
    if isinstance(option.type, click.Choice):
        meaning += f": {', '.join(map(str, option.type.choices))}"
    elif not option.is_flag:
        names += f" {option.metavar or option.type.name.upper()}"
    if option.show_default and option.default is not None:
        meaning += f" (default {option.default})"
    return names, f"`{option.envvar}`" if option.envvar else "", f"{meaning}."
