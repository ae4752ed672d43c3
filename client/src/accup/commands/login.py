"""``accup login``: sign in once, for the audience that the service names."""

from dataclasses import replace
from typing import Any

import click

from accup.commands.options import Given, on_service
from accup.errors import ApiError, NotPermittedError
from accup.exit_codes import ExitCode
from accup.signin.challenge import Challenge
from accup.signin.credentials import log_in
from accup.signin.entra import checked_scope

_NOWHERE = "00000000-0000-0000-0000-000000000000"


@click.command()
@on_service
def login(**values: Any) -> int:
    """Sign in with Microsoft Entra and remember it: with a device code, or in the browser (--credential browser).

    The tokens are kept in the system's encrypted store, not in a file of accup.
    """
    given = Given.of(values)
    target = given.target()
    sign_in = given.sign_in()
    if sign_in.scope is None and target.is_graph:
        sign_in = replace(sign_in, scope=f"https://{target.host}/.default")
    if sign_in.scope is None:
        challenge = _challenge(given)
        sign_in = replace(sign_in.of_tenant(challenge), scope=checked_scope(challenge, target))
    who = log_in(sign_in)
    if given.screen.as_json:
        given.screen.result({"user": who, "scope": sign_in.scope})
    given.screen.say(f"Signed in as {who} for {sign_in.scope}.")
    return ExitCode.DONE


def _challenge(given: Given) -> Challenge:
    """What the service answers to a request without a token.

    Raises:
        NotPermittedError: it does not ask for one.
    """
    from accup.api.client import Client  # noqa: PLC0415  # HTTP takes 0.2 s to import

    try:
        with Client(given.target(), log=given.screen.log) as client:
            next(client.resource(_NOWHERE, _NOWHERE).list(), None)
    except ApiError as error:
        if error.status == 401:
            return Challenge.of([error.headers.get("www-authenticate", "")])
        raise
    raise NotPermittedError("The service requires no authentication: there is nothing to sign in to.")
