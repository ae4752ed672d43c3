"""``accup login`` and ``logout``: sign in once for a service, for the application that it names, and end that."""

from dataclasses import replace
from typing import Any

import click

from accup.commands.options import Given, on_service
from accup.commands.profiles import settings_folder
from accup.errors import AccupError, ApiError, ExitCode, NotPermittedError, UsageError
from accup.screen import Screen
from accup.signin.audience import known_authority, named_scope, proves_itself, refuse_others
from accup.signin.credentials import PEOPLE, SignIn, credential
from accup.signin.reasons import reason_of
from accup.signin.remembered import Remembered, SignIns
from accup.signin.tokens import Challenge

_NOWHERE = "00000000-0000-0000-0000-000000000000"


@click.command()
@click.option("--status", is_flag=True, help="Show the sign-ins, and whether they still give tokens.")
@on_service
def login(given: Given, status: bool) -> ExitCode:
    """Sign in with Microsoft Entra for a service, and remember it: with a device code, or as --credential says.

    The tokens are kept in the system's keyring; without one, in a file that only you can read.
    """
    if status:
        return _show_status(given)
    sign_in = _settled(given)
    screen = given.screen
    try:
        remembered, file = _signed_in(screen, sign_in)
    except AccupError as error:
        raise NotPermittedError(f"The sign-in failed: {reason_of(error)}") from None
    except Exception as error:  # noqa: BLE001  # msal and azure-identity raise errors of many kinds
        raise NotPermittedError(f"The sign-in failed: {reason_of(error)}") from None
    SignIns(settings_folder()).keep(given.target(), remembered)
    screen.result(_as_json(given.target().address, remembered))
    who = remembered.user or f"what --credential {remembered.kind} finds"
    screen.say(f"Signed in as {who} for {remembered.scope}.")
    if file is not None:
        screen.say(f"This machine has no keyring: the tokens are in {file}, which only you can read.")
    return ExitCode.DONE


@click.command()
@click.option("--all", "everything", is_flag=True, help="Of all services.")
@on_service
def logout(given: Given, everything: bool) -> None:
    """Forget the sign-in for a service, and remove its tokens from this machine."""
    kept = SignIns(settings_folder())
    known = kept.all()
    addresses = list(known) if everything else [given.target().address]
    forgotten = [address for address in addresses if address in known]
    for address in forgotten:
        gone = known[address]
        kept.forget(address)
        if gone.account is not None and gone.account not in [each.account for each in kept.all().values()]:
            _person(given, gone).log_out(gone.account)
    given.screen.result({"signedOut": forgotten})
    given.screen.say(f"Signed out of {', '.join(forgotten)}." if forgotten else "Nobody was signed in.")


def _settled(given: Given) -> SignIn:
    """How to sign in, and for which application: as the options say, or as the service does and a person confirms.

    Raises:
        NotPermittedError: the service asks for no token, or for one that it must not get.
        UsageError: nobody confirmed it.
    """
    target = given.target()
    values = given.values
    # What was settled before is settled anew, but nobody is asked the same question twice.
    before = given.sign_in(target).scope
    sign_in = SignIn(
        kind="device-code" if values["credential"] in (None, "auto") else values["credential"],
        scope=values["scope"] or target.known_scope,
        tenant=values["tenant"],
        client_id=values["client_id"],
        authority=known_authority(target),
        certificates=given.certificates(),
        folder=settings_folder(),
    )
    if sign_in.scope is not None and (sign_in.tenant is not None or target.is_graph):
        return sign_in
    challenge = _challenge(given)
    scope = sign_in.scope or named_scope(challenge, target)
    sign_in = sign_in.of_tenant(challenge)
    if sign_in.scope is None and scope != before and not proves_itself(scope, target):
        refuse_others(scope, target)
        asked = f"{target.address} asks for tokens for the application {scope} of the tenant {sign_in.tenant}."
        if not given.screen.can_ask:
            raise UsageError(f"{asked} If its administrators name this scope, too, give it: --scope {scope}")
        if not given.screen.ask(f"{asked} Whoever runs that address gets these tokens. Is this its application?"):
            raise UsageError("Nobody was signed in.")
    return replace(sign_in, scope=scope)


def _signed_in(screen: Screen, sign_in: SignIn) -> tuple[Remembered, Any]:
    """Sign in; gives what to remember, and the file of the tokens if they are not encrypted."""
    scope = str(sign_in.scope)
    remembered = Remembered(scope, sign_in.kind, sign_in.tenant, sign_in.authority, sign_in.client_id)
    if sign_in.kind not in PEOPLE:
        credential(sign_in).token(scope)
        return remembered, None
    from accup.signin.person import Person  # noqa: PLC0415  # msal takes half a second

    person = Person(sign_in, screen.say)
    account = person.log_in(scope)
    tenant = sign_in.tenant or account["tenant"]
    who = replace(remembered, tenant=tenant, account=account["home_account_id"], user=account["username"])
    return who, person.file


def _show_status(given: Given) -> ExitCode:
    """Show the sign-in for a service, or all of them if none is named."""
    known = SignIns(settings_folder()).all()
    if given.values["url"] is not None:
        address = given.target().address
        known = {address: known[address]} if address in known else {}
    shown = [_as_json(address, each) | _state(given, each) for address, each in known.items()]
    given.screen.result({"signIns": shown})
    columns = ("Service", "User", "Application", "Tenant", "Token")
    rows = [
        (
            each["url"],
            each["user"] or each["credential"],
            each["scope"],
            each["tenant"] or "",
            each["reason"] or "valid",
        )
        for each in shown
    ]
    if rows:
        given.screen.table(columns, rows)
    else:
        given.screen.say("Nobody is signed in. 'accup login' does it.")
    return ExitCode.DONE if shown and all(each["valid"] for each in shown) else ExitCode.NOT_PERMITTED


def _state(given: Given, known: Remembered) -> dict[str, Any]:
    """Whether a sign-in still gives tokens, and why not."""
    try:
        credential(_remembered_sign_in(given, known)).token(known.scope)
    except Exception as error:  # noqa: BLE001  # msal and azure-identity raise errors of many kinds
        return {"valid": False, "reason": reason_of(error)}
    return {"valid": True, "reason": None}


def _remembered_sign_in(given: Given, known: Remembered) -> SignIn:
    return SignIn(
        kind=known.kind,
        scope=known.scope,
        tenant=known.tenant,
        client_id=known.client_id,
        authority=known.authority,
        certificates=given.certificates(),
        folder=settings_folder(),
        account=known.account,
    )


def _person(given: Given, known: Remembered) -> Any:
    from accup.signin.person import Person  # noqa: PLC0415  # msal takes half a second

    return Person(_remembered_sign_in(given, known), given.screen.say)


def _as_json(address: str, known: Remembered) -> dict[str, Any]:
    return {
        "url": address,
        "user": known.user,
        "scope": known.scope,
        "tenant": known.tenant,
        "credential": known.kind,
    }


def _challenge(given: Given) -> Challenge:
    """What the service answers to a request without a token.

    Raises:
        NotPermittedError: it does not ask for one.
    """
    from accup.api.client import Client  # noqa: PLC0415  # HTTP takes 0.2 s to import

    try:
        with Client(given.target(), certificates=given.certificates(), log=given.screen.log) as client:
            next(client.resource(_NOWHERE, _NOWHERE).list(), None)
    except ApiError as error:
        if error.status == 401:
            return Challenge.of([error.headers.get("www-authenticate", "")])
        raise
    raise NotPermittedError("The service requires no authentication: there is nothing to sign in to.")
