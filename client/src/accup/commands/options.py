"""The options that commands share, and where their values come from: the command line, the environment, the profile."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from accup.api.network import Certificates
from accup.api.retries import RetryPolicy
from accup.api.targets import Target
from accup.commands.profiles import EXISTING_FILE, guid, profile_of, settings_folder
from accup.errors import NotPermittedError, UsageError
from accup.local import PRINCIPAL_TYPES
from accup.screen import Screen
from accup.signin.credentials import KINDS, PEOPLE, SignIn, credential
from accup.signin.entra import EntraTokens
from accup.signin.remembered import SignIns
from accup.signin.tokens import CommandToken, StaticToken, Tokens

if TYPE_CHECKING:
    from accup.api.client import Client
    from accup.api.models import Session
    from accup.api.resource import Resource

Command = Callable[..., Any]

# The ways to get a token. Of two that come from the same place, the first counts.
_WAYS = ("token", "token_command", "credential")


def option(name: str, help: str, **more: Any) -> Callable[[Any], Any]:  # noqa: A002  # click's name
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
    option("--ca-cert", "Authority to trust besides the system's (PEM).", metavar="FILE", type=EXISTING_FILE),
    option("--client-cert", "Own certificate, followed by its key (PEM).", metavar="FILE", type=EXISTING_FILE),
)
_RESOURCE = (
    option("--catalog", "Catalog of the resource.", type=guid, metavar="GUID"),
    option("--resource", "Resource (the application).", type=guid, metavar="GUID"),
)
_SESSION = (
    click.option("--session", "session_id", type=guid, metavar="GUID", help="Upload session; or name --review."),
    option("--review", "Review instance whose session is meant.", type=guid, metavar="GUID"),
)

SHARED = (
    *("session_id", "review", "catalog", "resource", "url", "profile", "token", "token_command", "credential"),
    *("scope", "tenant", "client_id", "ca_cert", "client_cert", "retries", "as_json", "quiet", "debug"),
)
"""The names of the options above, in the order of the documentation."""

principal_types = click.option(
    "--principal-type",
    "principal_types",
    multiple=True,
    default=PRINCIPAL_TYPES,
    metavar="TYPE",
    help=f"Allowed principalType; may be repeated (default: {', '.join(PRINCIPAL_TYPES)}).",
)


def common(command: Command) -> Command:
    """Add what every command has. The function gets ``Given``, and its own options by their names."""
    return _with_options(command, _COMMON)


def on_service(command: Command) -> Command:
    """Add what a command needs that calls the service."""
    return _with_options(command, (*_TARGET, *_COMMON))


def on_resource(command: Command) -> Command:
    """Add what a command needs that works on one resource."""
    return _with_options(command, (*_RESOURCE, *_TARGET, *_COMMON))


def on_session(command: Command) -> Command:
    """Add what a command needs that works on one session."""
    return _with_options(command, (*_SESSION, *_RESOURCE, *_TARGET, *_COMMON))


def _with_options(command: Command, options: tuple[Callable[[Any], Any], ...]) -> Command:
    @wraps(command)
    def run(**values: Any) -> Any:
        given = Given.of(values)
        own = {name: value for name, value in given.values.items() if name not in SHARED}
        return command(given, **own)

    for each in reversed(options):
        run = each(run)
    return run


@dataclass(slots=True)
class Given:
    """The options of one call, completed from the profile; ``places`` says where each came from, the first counts."""

    values: dict[str, Any]
    places: dict[str, int]
    screen: Screen

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Given":
        """Complete the options.

        Raises:
            UsageError: there is no such profile.
        """
        filled = dict(values)
        # A command without a service has no profile, and a broken one does not stop it.
        profile = profile_of(values["profile"]) if "profile" in values else {}
        for name, value in profile.items():
            if name in filled and filled[name] is None:
                filled[name] = value
        context = click.get_current_context()
        order = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
        found = {name: context.get_parameter_source(name) for name in filled}
        places = {name: order.index(place) if place in order else len(order) for name, place in found.items()}
        return cls(filled, places, Screen(values["as_json"], values["quiet"], values["debug"]))

    def need(self, name: str, *others: str) -> str:
        """An option without which the command cannot run; ``others`` are needed, too.

        Raises:
            UsageError: one is not there.
        """
        missing = [each for each in (name, *others) if self.values.get(each) is None]
        if missing:
            options = ", ".join(f"--{each.replace('_', '-')}" for each in missing)
            variables = ", ".join(f"ACCUP_{each.upper()}" for each in missing)
            what, it = ("is missing", "it") if len(missing) == 1 else ("are missing", "them")
            raise UsageError(f"{options} {what}. Give {it}, set {variables}, or put {it} into a profile.")
        return str(self.values[name])

    def target(self) -> Target:
        """The service."""
        return Target.parse(self.need("url"))

    def certificates(self) -> Certificates:
        """Which certificates to trust, and our own."""
        return Certificates(self.values["ca_cert"], self.values["client_cert"])

    def sign_in(self, target: Target) -> SignIn:
        """How to sign in to Microsoft Entra: as the options say, and else as ``accup login`` has settled it."""
        known = SignIns(settings_folder()).of(target)
        kind = self.values["credential"] or (known.kind if known else "auto")
        return SignIn(
            kind=kind,
            scope=self.values["scope"] or (known.scope if known else None),
            tenant=self.values["tenant"] or (known.tenant if known else None),
            client_id=self.values["client_id"] or (known.client_id if known else None),
            authority=known.authority if known else None,
            certificates=self.certificates(),
            folder=settings_folder(),
            account=known.account if known and kind in PEOPLE else None,
            # Who has not asked for it does not expect to be asked, and a pipeline would wait for ever.
            asks=self.values["credential"] in PEOPLE and sys.stderr.isatty(),
        )

    def client(self) -> "Client":
        """The client of the service, with the tokens that the options describe; closed at the command's end."""
        from accup.api.client import Client  # noqa: PLC0415  # HTTP takes 0.2 s to import; ``check`` needs none

        target = self.target()
        client = Client(
            target,
            self._tokens(target),
            retries=RetryPolicy(attempts=self.values["retries"] + 1, on_wait=self.screen.waits),
            certificates=self.certificates(),
            log=self.screen.log,
        )
        return click.get_current_context().with_resource(client)

    def resource(self) -> "Resource":
        """The sessions of the resource that the options name."""
        self.need("url", "catalog", "resource")
        return self.client().resource(self.need("catalog"), self.need("resource"))

    def session(self) -> "tuple[Resource, Session]":
        """The resource, and its session that the options name by its id or by its review instance, with its files.

        Raises:
            NotPermittedError: there is none.
            UsageError: the options name none.
        """
        review, session_id = self.values["review"], self.values["session_id"]
        if not review and not session_id:
            raise UsageError("Name the upload session with --session, or its review instance with --review.")
        resource = self.resource()
        if session_id:
            return resource, resource.get(session_id)
        found = resource.find(review)
        if found is None:
            raise NotPermittedError(
                f"Review instance {review} has no upload session for this resource that is active or complete. "
                "'accup list' shows all sessions."
            )
        return resource, found

    def _tokens(self, target: Target) -> Tokens:
        """Tokens as the options say: the command line counts before the environment, and that before the profile."""
        given = [name for name in _WAYS if self.values[name]]
        way = min(given, key=lambda name: self.places[name], default="credential")
        if way == "token":
            return StaticToken(self.values["token"])
        if way == "token_command":
            return CommandToken(self.values["token_command"])
        return EntraTokens(target, self.sign_in(target), partial(credential, say=self.screen.say))
