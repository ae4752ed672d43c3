"""Access tokens of Microsoft Entra, versions 1.0 and 2.0: whether one is good, and whose it is."""

import json
import re
from base64 import urlsafe_b64decode

import jwt

from shared.core.settings import Settings
from shared.domain.callers import Caller, ClaimsError, caller_of
from shared.identity.signing_keys import SigningKeys

# Clocks differ a little; more than this is no difference of clocks.
LEEWAY_SECONDS = 60

# A token with 200 groups, which is as many as Entra puts into one, has about 13 kB.
MAX_TOKEN_CHARACTERS = 32 * 1024

_ALGORITHM = "RS256"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

# What is told of a token that is no good. It goes into a header, too, so that nothing is quoted in it (RFC 6750, 3).
_REASONS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is for another service: its audience (aud) is not this one.",
    jwt.InvalidIssuerError: "The token is from another issuer (iss) than this service's tenant.",
    jwt.MissingRequiredClaimError: "The token lacks a claim that it must have (exp, iss, aud).",
    jwt.InvalidSignatureError: "The token's signature is wrong.",
}


class BadTokenError(Exception):
    """A token that is no good; the message is for the caller."""


class TokenVerifier:
    """Checks tokens of one tenant for one audience.

    A v1.0 token has the audience that was asked for (the App ID URI), a v2.0 token always the client id; either is
    taken from either issuer, since both are this app's own.
    """

    def __init__(self, tenant_id: str, config: Settings, keys: SigningKeys) -> None:
        self._tenant_id = tenant_id
        self._issuers = [f"{config.authority_base}/{tenant_id}/v2.0", f"{config.authority_v1_base}/{tenant_id}/"]
        self._audiences = list(config.audience)
        self._keys = keys

    async def caller(self, token: str) -> Caller:
        """The caller whose token this is.

        Raises:
            BadTokenError: it is no good.
            KeysUnavailableError: nobody can say now.
        """
        if len(token) > MAX_TOKEN_CHARACTERS or not _COMPACT.fullmatch(token):
            raise BadTokenError("This is no token: three parts of base64url, parted by dots, are.")
        try:
            # The algorithm is looked at before the key is: no token gets as far that picks another one.
            algorithm, key_id = _header(token)
            if algorithm != _ALGORITHM:
                raise BadTokenError(f"The token must be signed with {_ALGORITHM}.")
            key = await self._keys.get(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise BadTokenError("The token is signed with a key that is not the tenant's.")
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
            # What the JSON reader has to say of a header that was made to hurt it.
            raise BadTokenError("The token cannot be read.") from None


def _header(token: str) -> tuple[object, object]:
    """What a token says of its signature: ``alg`` and ``kid``. PyJWT would read the whole token for that."""
    header = json.loads(urlsafe_b64decode(f"{token.partition('.')[0]}=="))
    return (header.get("alg"), header.get("kid")) if isinstance(header, dict) else (None, None)
