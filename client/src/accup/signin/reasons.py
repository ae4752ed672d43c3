"""Why there is no token, in words for people: errors of azure-identity and of Microsoft Entra, and what to do."""

import re

from accup.api.network import certificate_error

_CODE = re.compile(r"AADSTS\d+")
_ATTEMPT = re.compile(r"^\s*(\w+)Credential: (.+)$", re.MULTILINE)

# "Microsoft Entra authentication and authorization error codes".
ADVICE = {
    "AADSTS50020": "The account is of another tenant: name the service's tenant with --tenant.",
    "AADSTS50105": "An administrator has to assign this user to the application.",
    "AADSTS53003": "A policy of the tenant does not allow this way to sign in; try --credential browser.",
    "AADSTS65001": "An administrator has to allow this client for the application (docs/deploy.md).",
    "AADSTS90002": "There is no such tenant: check --tenant.",
    "AADSTS500011": "The tenant does not have this application: check --scope and --tenant.",
    "AADSTS700016": "The tenant does not have this client: check --client-id and --tenant.",
    "AADSTS700082": "The sign-in has expired: sign in again.",
    "AADSTS7000218": "The client must allow public client flows, or choose another with --client-id.",
}


def reason_of(error: BaseException) -> str:
    """The reason in one or more lines: of a chain of credentials, what each of them said."""
    if found := certificate_error("Microsoft Entra", error):
        return str(found)
    said = str(error).strip()
    attempts = _ATTEMPT.findall(said)
    if attempts:
        lines = [f"  {name}: {_first_sentence(text)}" for name, text in attempts]
        return "\n".join(["nobody is signed in on this machine, and it has no identity of its own.", *lines])
    first = said.splitlines()[0] if said else type(error).__name__
    code = _CODE.search(first)
    advice = ADVICE.get(code[0]) if code else None
    # What follows are ids, for Microsoft's support.
    first = first.split(" Trace ID:")[0].rstrip()
    return f"{first} {advice}" if advice else first


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."
