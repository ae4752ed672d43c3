"""The options that commands share, and where their values come from: the command line, the environment, the profile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from accup.api.retries import RetryPolicy
from accup.api.targets import Target
from accup.errors import NotPermittedError, UsageError
from accup.profiles import config_folder, load_profile
from accup.screen.console import Screen
from accup.signin.credentials import KINDS, SignIn

if TYPE_CHECKING:
    from accup.api.client import Client
    from accup.api.models import Session
    from accup.api.resource import Resource
    from accup.api.transport import Tokens

Command = TypeVar("Command", bound=Callable[..., Any])


class Guid(click.ParamType[str]):
    """A GUID, in any case and with or without braces."""

    name = "guid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The GUID in lower case."""
        try:
            return str(UUID(str(value)))
        except ValueError:
            self.fail(f"'{value}' is not a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11.", param, ctx)


def option(name: str, help: str, **more: Any) -> Callable[[Command], Command]:  # noqa: A002  # click's name
    """An option that can also come from ``ACCUP_<NAME>``."""
    variable = "ACCUP_" + name.lstrip("-").replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=True, help=help, **more)


_COMMON = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout."),
    click.option("--quiet", is_flag=True, help="No progress, even on a terminal."),
    click.option("--debug", is_flag=True, help="Log each request on stderr; never tokens or contents."),
)
_TARGET = (
    option("--url", "URL of the service, or https://graph.microsoft.com/v1.0.", metavar="BASE"),
    option("--profile", "Profile to take options from.", metavar="NAME"),
    option("--token", "Bearer token. Prefer the variable: other users of this machine can read a command line."),
    option("--token-command", "Command that prints a token.", metavar="COMMAND"),
    option("--credential", "How to sign in to Microsoft Entra.", type=click.Choice(KINDS)),
    option("--scope", "Scope of the token, if the service does not say it.", metavar="SCOPE"),
    option("--tenant", "Tenant to sign in to.", metavar="TENANT"),
    option(
        "--retries",
        "Repetitions of a request that failed.",
        type=click.IntRange(0, 50),
        metavar="N",
        default=6,
        show_default=True,
    ),
    option("--client-id", "Application to sign in with, or the managed identity's client id.", metavar="GUID"),
)
_RESOURCE = (
    option("--catalog", "Catalog of the resource.", type=Guid(), metavar="GUID"),
    option("--resource", "Resource (the application).", type=Guid(), metavar="GUID"),
)
_SESSION = (
    click.option("--session", "session_id", type=Guid(), metavar="GUID", help="Upload session; or name --review."),
    option("--review", "Review instance whose session is meant.", type=Guid(), metavar="GUID"),
)

SHARED = (
    *("session_id", "review", "catalog", "resource", "url", "profile", "token", "token_command", "credential"),
    *("scope", "tenant", "client_id", "retries", "as_json", "quiet", "debug"),
)
"""The names of the options above, in the order of the documentation."""


def common(command: Command) -> Command:
    """Add what every command has."""
    return _all(command, _COMMON)


def on_service(command: Command) -> Command:
    """Add what a command needs that calls the service."""
    return _all(command, (*_TARGET, *_COMMON))


def on_resource(command: Command) -> Command:
    """Add what a command needs that works on one resource."""
    return _all(command, (*_RESOURCE, *_TARGET, *_COMMON))


def on_session(command: Command) -> Command:
    """Add what a command needs that works on one session."""
    return _all(command, (*_SESSION, *_RESOURCE, *_TARGET, *_COMMON))


def _all(command: Command, options: tuple[Callable[[Any], Any], ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(slots=True)
class Given:
    """The options of one call, completed from the profile."""

    values: dict[str, Any]
    screen: Screen

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Given":
        """Complete the options.

        Raises:
            UsageError: there is no such profile.
        """
        profile = load_profile(values.get("profile"))
        filled = dict(values)
        for name, value in profile.items():
            if name in filled and filled[name] is None:
                filled[name] = Guid().convert(value, None, None) if name in ("catalog", "resource", "review") else value
        screen = Screen(as_json=values["as_json"], quiet=values["quiet"], debug=values["debug"])
        return cls(filled, screen)

    def need(self, name: str) -> str:
        """An option without which the command cannot run.

        Raises:
            UsageError: it is not there.
        """
        value = self.values.get(name)
        if value is None:
            raise UsageError(
                f"--{name.replace('_', '-')} is missing. Give it, set ACCUP_{name.upper()}, or put it into a profile."
            )
        return str(value)

    def target(self) -> Target:
        """The service."""
        return Target.parse(self.need("url"))

    def sign_in(self) -> SignIn:
        """How to sign in to Microsoft Entra."""
        return SignIn(
            kind=self.values.get("credential") or "auto",
            scope=self.values.get("scope"),
            tenant=self.values.get("tenant"),
            client_id=self.values.get("client_id"),
            record=config_folder() / "sign-in.json",
        )

    def client(self) -> "Client":
        """The client of the service, with the tokens that the options describe."""
        from accup.api.client import Client  # noqa: PLC0415  # HTTP takes 0.2 s to import; ``check`` needs none

        target = self.target()
        retries = RetryPolicy(attempts=self.values["retries"] + 1)
        return Client(target, self._tokens(target), retries=retries, log=self.screen.log)

    def resource(self, client: "Client") -> "Resource":
        """The sessions of the resource that the options name."""
        return client.resource(self.need("catalog"), self.need("resource"))

    def session(self, resource: "Resource") -> "Session":
        """The session that the options name, by its id or by its review instance, with its files.

        Raises:
            NotPermittedError: there is none.
            UsageError: the options name none.
        """
        if self.values.get("session_id"):
            return resource.get(self.values["session_id"])
        if not self.values.get("review"):
            raise UsageError("Name the upload session with --session, or its review instance with --review.")
        of_review = resource.find(self.values["review"])
        if of_review is None:
            raise NotPermittedError(
                f"Review instance {self.values['review']} has no upload session for this resource that is active or "
                "complete. 'accup list' shows all sessions."
            )
        return of_review

    def _tokens(self, target: Target) -> "Tokens":
        from accup.signin.entra import EntraTokens  # noqa: PLC0415
        from accup.signin.tokens import CommandToken, StaticToken  # noqa: PLC0415

        if self.values.get("token"):
            return StaticToken(self.values["token"])
        if self.values.get("token_command"):
            return CommandToken(self.values["token_command"])
        return EntraTokens(target, self.sign_in())
