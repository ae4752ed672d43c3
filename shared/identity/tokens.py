"""Validates access tokens of Microsoft Entra, versions 1.0 and 2.0."""

import json
import re
from base64 import urlsafe_b64decode

import jwt

from shared.core.settings import Settings
from shared.domain.callers import Caller, ClaimsError, caller_of
from shared.identity.signing_keys import SigningKeys

# The allowed difference between clocks.
LEEWAY_SECONDS = 60

# A token with 200 groups, the most that Entra puts into a token, has approximately 13 kB.
MAX_TOKEN_CHARACTERS = 32 * 1024

_ALGORITHM = "RS256"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

# Error messages. They also go into a header, so they must not quote the token (RFC 6750, section 3).
_REASONS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is for another service: its audience (aud) is not in UPLOADS_AUDIENCE.",
    jwt.InvalidIssuerError: "The token has the wrong issuer (iss): it is not from the tenant of this service.",
    jwt.MissingRequiredClaimError: "The token lacks a required claim (exp, iss or aud).",
    jwt.InvalidSignatureError: "The signature of the token is not valid.",
}


class BadTokenError(Exception):
    """A token that is not valid; the message is for the caller."""


class TokenVerifier:
    """Validates tokens of one tenant for the audiences of this app.

    The audience of a v1.0 token is the requested one (the App ID URI), that of a v2.0 token is always the client id.
    Both audiences are accepted from both issuers because both identify this app.
    """

    def __init__(self, tenant_id: str, config: Settings, keys: SigningKeys) -> None:
        self._tenant_id = tenant_id
        self._issuers = [f"{config.authority_base}/{tenant_id}/v2.0", f"{config.authority_v1_base}/{tenant_id}/"]
        self._audiences = list(config.audience)
        self._keys = keys

    async def caller(self, token: str) -> Caller:
        """The caller that the token identifies.

        Raises:
            BadTokenError: the token is not valid.
            KeysUnavailableError: the token cannot be checked now.
        """
        if len(token) > MAX_TOKEN_CHARACTERS or not _COMPACT.fullmatch(token):
            raise BadTokenError("The token is malformed: it must have three base64url parts, separated by dots.")
        try:
            # The algorithm is checked before the key, so that a token cannot choose another algorithm.
            algorithm, key_id = _header(token)
            if algorithm != _ALGORITHM:
                raise BadTokenError(f"The token must be signed with {_ALGORITHM}.")
            key = await self._keys.get(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise BadTokenError("The token is signed with a key that does not belong to the tenant.")
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=self._issuers,
                audience=self._audiences,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
            return caller_of(claims, self._tenant_id)
        except jwt.PyJWTError as error:
            raise BadTokenError(_REASONS.get(type(error), "The token cannot be read.")) from None
        except ClaimsError as error:
            raise BadTokenError(str(error)) from None
        except (ValueError, RecursionError):
            # Raised by the JSON parser for a malicious header.
            raise BadTokenError("The token cannot be read.") from None


def _header(token: str) -> tuple[object, object]:
    """The ``alg`` and ``kid`` of a token's header. PyJWT would parse the whole token for that."""
    header = json.loads(urlsafe_b64decode(f"{token.partition('.')[0]}=="))
    return (header.get("alg"), header.get("kid")) if isinstance(header, dict) else (None, None)
