"""Who is at the door: each request's caller, in the way that ``UPLOADS_AUTH`` says. Closed unless opened."""

from collections.abc import Mapping
from functools import cache
from typing import NoReturn, Protocol

from starlette.datastructures import Headers

from shared.core.errors import KEYS_UNAVAILABLE, UNAUTHENTICATED, GraphError
from shared.core.ids import parse_guid
from shared.core.settings import AuthMode, Settings, settings
from shared.domain.callers import ANONYMOUS, Caller, ClaimsError
from shared.identity.platform_login import HEADER as PLATFORM_HEADER
from shared.identity.platform_login import platform_caller

# What says that this is Azure; the last one is for Functions in Container Apps.
_AZURE = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "CONTAINER_APP_NAME")

# Microsoft Graph's audiences, in all of Microsoft's clouds.
_GRAPH_AUDIENCES = frozenset(
    {
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    }
)


class AuthNotConfiguredError(Exception):
    """The app must not start so; the message says which settings to set."""


def check_configuration(config: Settings, environment: Mapping[str, str]) -> None:
    """See that nobody gets in by a setting that is missing or that belongs elsewhere.

    Raises:
        AuthNotConfiguredError: the app must not start so.
    """
    match config.auth:
        case AuthMode.NONE:
            found = [name for name in _AZURE if environment.get(name)]
            if found:
                raise AuthNotConfiguredError(
                    "UPLOADS_AUTH=none opens the service to everybody. It is for a developer's own machine only, and "
                    f"{found[0]} says that this is Azure. Set UPLOADS_AUTH=entra, UPLOADS_TENANT_ID and "
                    "UPLOADS_AUDIENCE."
                )
        case AuthMode.PLATFORM:
            _require_tenant(config)
            # Without the platform's login in front, its header comes from whoever calls.
            if environment.get("WEBSITE_AUTH_ENABLED", "").lower() != "true":
                raise AuthNotConfiguredError(
                    "UPLOADS_AUTH=platform believes the header of App Service authentication, which is not switched on "
                    "here (Azure says so by WEBSITE_AUTH_ENABLED). Switch it on, or set UPLOADS_AUTH=entra."
                )
        case AuthMode.ENTRA:
            _require_tenant(config)
            _require_own_audience(config)
            _require_safe_authority(config)


def _require_tenant(config: Settings) -> None:
    if parse_guid(config.tenant_id) is None:
        raise AuthNotConfiguredError(
            f"UPLOADS_AUTH={config.auth} needs UPLOADS_TENANT_ID, the tenant's id (a GUID; 'common' is no tenant), and "
            "UPLOADS_AUDIENCE, this app's client id and App ID URI. To run without any login on your own machine, set "
            "UPLOADS_AUTH=none."
        )


def _require_own_audience(config: Settings) -> None:
    if not config.audience:
        raise AuthNotConfiguredError(
            "UPLOADS_AUTH=entra needs UPLOADS_AUDIENCE: the client id and the App ID URI of this app's registration in "
            "Microsoft Entra, parted by a comma. Only tokens for these are taken."
        )
    foreign = [audience for audience in config.audience if audience.lower().rstrip("/") in _GRAPH_AUDIENCES]
    if foreign:
        raise AuthNotConfiguredError(
            f"UPLOADS_AUDIENCE must not name Microsoft Graph ({foreign[0]}): everybody who has a token for Graph could "
            "use it here, and this service could use theirs there. Register an app of your own and name that one."
        )


def _require_safe_authority(config: Settings) -> None:
    # Whoever can answer in the place of the authority can sign tokens.
    if config.authority.scheme != "https" and config.authority.host not in ("127.0.0.1", "localhost"):
        raise AuthNotConfiguredError("UPLOADS_AUTHORITY must be an https address.")


class Gate(Protocol):
    """One way to find out who calls."""

    async def caller(self, headers: Headers) -> Caller:
        """The caller of a request with these headers.

        Raises:
            GraphError: 401 if they do not say; 503 if nobody can tell now.
        """


class OpenGate:
    """Asks nobody: a developer's own machine."""

    async def caller(self, headers: Headers) -> Caller:
        """Everybody is the same, and may do everything."""
        return ANONYMOUS


class EntraGate:
    """Bearer tokens of Microsoft Entra (RFC 6750)."""

    def __init__(self, config: Settings) -> None:
        # Imported here, since nothing else needs the cryptography.
        from shared.identity.signing_keys import KeysUnavailableError, SigningKeys  # noqa: PLC0415
        from shared.identity.tokens import BadTokenError, TokenVerifier  # noqa: PLC0415

        tenant_id = config.tenant_id.lower()
        tenant = f"{config.authority_base}/{tenant_id}"
        self._verifier = TokenVerifier(tenant_id, config, SigningKeys(f"{tenant}/discovery/v2.0/keys"))
        self._bad_token = BadTokenError
        self._keys_unavailable = KeysUnavailableError
        self._challenge = f'Bearer realm="", authorization_uri="{tenant}/oauth2/v2.0/authorize"'

    async def caller(self, headers: Headers) -> Caller:
        """The caller whose token the request carries."""
        given = headers.getlist("authorization")
        if not given:
            # RFC 6750, section 3.1: no error code for a request that does not try.
            raise GraphError(
                UNAUTHENTICATED,
                "A token is needed: send the header 'Authorization: Bearer ...'.",
                headers={"WWW-Authenticate": self._challenge},
            )
        if len(given) > 1:
            self._refuse("invalid_request", "There must be one Authorization header.")
        scheme, _, token = given[0].partition(" ")
        if scheme.lower() != "bearer":
            self._refuse("invalid_request", "The Authorization header must have the scheme Bearer.")
        try:
            return await self._verifier.caller(token.strip())
        except self._bad_token as error:
            self._refuse("invalid_token", str(error))
        except self._keys_unavailable:
            raise GraphError(
                KEYS_UNAVAILABLE,
                "The keys that would check the token cannot be fetched now. Repeat the request.",
                headers={"Retry-After": "5"},
            ) from None

    def _refuse(self, error: str, description: str) -> NoReturn:
        challenge = f'{self._challenge}, error="{error}", error_description="{description}"'
        raise GraphError(UNAUTHENTICATED, description, headers={"WWW-Authenticate": challenge}) from None


class PlatformGate:
    """The platform's own login, which stands in front of the app and says in a header who has passed it."""

    def __init__(self, config: Settings) -> None:
        self._tenant_id = config.tenant_id.lower()

    async def caller(self, headers: Headers) -> Caller:
        """The caller whom the platform names."""
        given = headers.getlist(PLATFORM_HEADER)
        try:
            if len(given) != 1:
                raise ClaimsError("The platform's login says of nobody that they signed in.")
            return platform_caller(given[0], self._tenant_id)
        except ClaimsError as error:
            raise GraphError(UNAUTHENTICATED, str(error), headers={"WWW-Authenticate": "Bearer"}) from None


@cache
def _gate() -> Gate:
    config = settings()
    match config.auth:
        case AuthMode.NONE:
            return OpenGate()
        case AuthMode.PLATFORM:
            return PlatformGate(config)
        case AuthMode.ENTRA:
            return EntraGate(config)


async def authenticate(headers: Headers) -> Caller:
    """The caller of a request.

    Raises:
        GraphError: 401 if nobody knows who it is; 503 if nobody can tell now.
    """
    return await _gate().caller(headers)
