"""Authenticates requests, with the method in the setting ``UPLOADS_AUTH``."""

from collections.abc import Collection, Mapping
from functools import cache
from math import ceil
from typing import NoReturn

from starlette.datastructures import Headers

from shared.core.environment import SettingsError
from shared.core.errors import KEYS_UNAVAILABLE, UNAUTHENTICATED, GraphError
from shared.core.ids import parse_guid
from shared.core.settings import LOOPBACK, AuthMode, Settings, settings
from shared.domain.callers import ANONYMOUS, Caller
from shared.identity.signing_keys import KeysUnavailableError, SigningKeys
from shared.identity.tokens import BadTokenError, TokenVerifier

# Azure sets these variables; the last one in Container Apps.
_AZURE = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "CONTAINER_APP_NAME")

# The audiences of Microsoft Graph in all Microsoft clouds.
_GRAPH_AUDIENCES = frozenset(
    {
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    }
)


def runs_in_azure(environment: Mapping[str, str]) -> str | None:
    """The variable that shows that the app runs in Azure; ``None`` if it does not."""
    return next((name for name in _AZURE if environment.get(name)), None)


def check_authentication(config: Settings, environment: Mapping[str, str]) -> None:
    """Check that the settings do not leave the service open by mistake, in the environment of the process.

    Raises:
        SettingsError: the app must not start with these settings.
    """
    match config.auth:
        case AuthMode.NONE:
            _require_own_machine(config, environment)
        case AuthMode.ENTRA:
            _require_tenant(config)
            _require_own_audience(config)
            _require_safe_authority(config)


def _require_own_machine(config: Settings, environment: Mapping[str, str]) -> None:
    """Check that others do not reach the service. The header Host shows nothing: the Functions host sends its own."""
    # Settings that were made for another machine may have come with UPLOADS_PUBLIC_URL.
    azure = runs_in_azure(environment)
    if azure or (config.public_url is not None and (config.public_url.host or "").strip("[]") not in LOOPBACK):
        found = f"{azure} shows that it runs in Azure" if azure else f"its address is {config.public_url}"
        raise SettingsError(
            f"UPLOADS_AUTH=none disables authentication. It is for development machines only, and {found}, where "
            "others can reach it. Set UPLOADS_AUTH=entra, UPLOADS_TENANT_ID and UPLOADS_AUDIENCE."
        )


def _require_tenant(config: Settings) -> None:
    if parse_guid(config.tenant_id) is None:
        raise SettingsError(
            "UPLOADS_AUTH=entra requires UPLOADS_TENANT_ID, the id of the tenant (a GUID; 'common' is not "
            "supported), and UPLOADS_AUDIENCE, the client id and App ID URI of this app. To run without authentication "
            "on a development machine, set UPLOADS_AUTH=none."
        )


def _require_own_audience(config: Settings) -> None:
    if not config.audience:
        raise SettingsError(
            "UPLOADS_AUTH=entra requires UPLOADS_AUDIENCE: the client id and the App ID URI of this app's registration "
            "in Microsoft Entra, comma-separated. Only tokens with one of these audiences are accepted."
        )
    foreign = [audience for audience in config.audience if audience.lower().rstrip("/") in _GRAPH_AUDIENCES]
    if foreign:
        raise SettingsError(
            f"UPLOADS_AUDIENCE must not contain Microsoft Graph ({foreign[0]}): any token for Graph would be accepted "
            "here, and this service could use it to call Graph. Use the audience of your own app registration."
        )


def _require_safe_authority(config: Settings) -> None:
    # An attacker who can replace the authority's response can sign tokens.
    if config.authority.scheme != "https" and config.authority.host not in LOOPBACK:
        raise SettingsError("UPLOADS_AUTHORITY must be an https URL.")


def token_scope(audience: Collection[str]) -> str:
    """The scope with which a client requests a token: all permissions for the App ID URI, else for the client id."""
    return f"{min(audience, key=lambda each: (parse_guid(each) is not None, each))}/.default"


class EntraAuthentication:
    """Bearer tokens from Microsoft Entra (RFC 6750)."""

    def __init__(self, config: Settings) -> None:
        tenant_id = config.tenant_id.lower()
        tenant = f"{config.authority_base}/{tenant_id}"
        self._verifier = TokenVerifier(tenant_id, config, SigningKeys(f"{tenant}/discovery/v2.0/keys"))
        authorization_uri = f"{tenant}/oauth2/v2.0/authorize"
        scope = token_scope(config.audience)
        self._challenge = f'Bearer realm="", authorization_uri="{authorization_uri}", scope="{scope}"'

    async def caller(self, headers: Headers) -> Caller:
        """The caller whose token the request has.

        Raises:
            GraphError: 401 if it has none that is valid; 503 if that cannot be decided now.
        """
        sent = headers.get("authorization")
        if sent is None:
            # RFC 6750, section 3.1: no error code if the request has no token.
            raise GraphError(
                UNAUTHENTICATED,
                "This request requires a token. Send the header 'Authorization: Bearer <token>'.",
                headers={"WWW-Authenticate": self._challenge},
            )
        scheme, _, token = sent.partition(" ")
        if scheme.lower() != "bearer":
            self._refuse("invalid_request", "The Authorization header must use the scheme Bearer.")
        try:
            return await self._verifier.caller(token.strip())
        except BadTokenError as error:
            self._refuse("invalid_token", str(error))
        except KeysUnavailableError as error:
            raise GraphError(
                KEYS_UNAVAILABLE,
                "The token cannot be checked now because its signing key is not known, and the keys cannot be fetched "
                "at this moment. Repeat the request after the time in Retry-After.",
                headers={"Retry-After": str(ceil(error.retry_after))},
            ) from None

    def _refuse(self, error: str, description: str) -> NoReturn:
        challenge = f'{self._challenge}, error="{error}", error_description="{description}"'
        raise GraphError(UNAUTHENTICATED, description, headers={"WWW-Authenticate": challenge}) from None


@cache
def _entra() -> EntraAuthentication:
    return EntraAuthentication(settings())


async def authenticate(headers: Headers) -> Caller:
    """The caller of a request; without authentication (``UPLOADS_AUTH=none``) one with all permissions.

    Raises:
        GraphError: 401 if the caller is not authenticated; 503 if that cannot be decided now.
    """
    return ANONYMOUS if settings().auth is AuthMode.NONE else await _entra().caller(headers)
