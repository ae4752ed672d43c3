"""For which application a token may be requested: the service's own, which it says itself only where that proves it.

A service that could name any application would get a token for it, and use it there. ``api://`` names prove nothing:
every internal API has one. So the audience of a service is settled once, by a person: with ``accup login``, which asks,
or with ``--scope``, the variable or the profile. Azure's SDKs have the same guard for the names of hosts ("challenge
resource verification").
"""

from urllib.parse import urlsplit

from accup.api.targets import Target
from accup.errors import NotPermittedError
from accup.signin.tokens import Challenge

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"

# Microsoft Entra in the global cloud and the national clouds ("National clouds", Microsoft identity platform).
_AUTHORITIES = frozenset(
    {
        PUBLIC_AUTHORITY,
        "https://login.windows.net",
        "https://login.microsoftonline.us",
        "https://login.partner.microsoftonline.cn",
    }
)
_GRAPH_AUTHORITIES = {
    "graph.microsoft.us": "https://login.microsoftonline.us",
    "dod-graph.microsoft.us": "https://login.microsoftonline.us",
    "microsoftgraph.chinacloudapi.cn": "https://login.partner.microsoftonline.cn",
}


def known_authority(target: Target) -> str | None:
    """Where tokens for Graph in a national cloud come from; a service of ours says it."""
    return _GRAPH_AUTHORITIES.get(target.host)


def is_entra(challenge: Challenge) -> bool:
    """Whether the authority that a challenge names, if it names one, is Microsoft Entra."""
    return challenge.authority is None or challenge.authority in _AUTHORITIES


def named_scope(challenge: Challenge, target: Target) -> str:
    """The scope that a challenge names.

    Raises:
        NotPermittedError: it names none, or tokens of somebody else than Microsoft Entra.
    """
    if challenge.scope is None or not challenge.scope.strip():
        raise NotPermittedError(
            f"{target.host} requires a token and does not say for which audience. "
            "Give --token or --token-command, or name the scope with --scope."
        )
    if not is_entra(challenge):
        raise NotPermittedError(
            f"{target.host} accepts tokens of {challenge.authority}, which is not Microsoft Entra. "
            "Give --token or --token-command."
        )
    return challenge.scope.split()[0]


def proves_itself(scope: str, target: Target) -> bool:
    """Whether a scope can only be that of the target: it names its host, and Entra verifies who owns a host's name."""
    try:
        parts = urlsplit(scope)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.hostname == target.host


def checked_scope(challenge: Challenge, target: Target) -> str:
    """The scope that a challenge names, if a token for it may be requested without a person's word.

    Raises:
        NotPermittedError: it may not.
    """
    scope = named_scope(challenge, target)
    if proves_itself(scope, target):
        return scope
    refuse_others(scope, target)
    raise NotPermittedError(
        f"{target.host} asks for a token for {scope}, and nobody has confirmed yet that this is its application. No "
        f"token was requested. Confirm it once with 'accup login --url {target.address}', or with --scope, if its "
        "administrators name this scope, too."
    )


def refuse_others(scope: str, target: Target) -> None:
    """Refuse a scope that no service should ask for, and no person should confirm because it asks.

    Raises:
        NotPermittedError: it is neither ``api://...`` nor an address of the target.
    """
    if not scope.startswith("api://") and not proves_itself(scope, target):
        raise NotPermittedError(
            f"{target.host} asks for a token for {scope}, which is not an application of its own. No token was "
            "requested. Ask the service's administrators for its scope, and give that with --scope."
        )
