"""Tokens of Microsoft Entra for a target: for its audience only, in its tenant, and new ones when they expire."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from accup.api.targets import Target
from accup.errors import AccupError, NotPermittedError
from accup.signin.audience import checked_scope, is_entra, known_authority
from accup.signin.credentials import Credential, SignIn, Token, credential
from accup.signin.reasons import reason_of
from accup.signin.tokens import Challenge, Tokens

# A token that is about to expire would be refused in the middle of an upload.
_SPARE_SECONDS = 300


class EntraTokens(Tokens):
    """Tokens for the target's audience: a known one (Graph, a setting, a sign-in), or the one that its 401 proves."""

    def __init__(self, target: Target, sign_in: SignIn, make: Callable[[SignIn], Credential] = credential) -> None:
        self._target = target
        self._sign_in = replace(sign_in, authority=sign_in.authority or known_authority(target))
        self._make = make
        self._scope = sign_in.scope or target.known_scope
        self._lock = Lock()
        self._credential: Credential | None = None
        self._token: Token | None = None

    def current(self) -> str | None:
        """The token; none as long as nothing says what its audience must be.

        Raises:
            NotPermittedError: nobody is signed in.
        """
        with self._lock:
            if self._scope is None:
                return None
            if self._token is None or time.time() > self._token.valid_until - _SPARE_SECONDS:
                self._token = self._new(self._scope)
            return self._token.value

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        """Learn audience and tenant from a 401, or get another token in place of the refused one.

        Raises:
            NotPermittedError: the service does not say which tokens it accepts, or asks for one that it must not get.
        """
        with self._lock:
            if self._token is not None and self._token.value != refused:
                return True
            if self._scope is None:
                self._scope = checked_scope(challenge, self._target)
                self._sign_in = self._sign_in.of_tenant(challenge)
                return True
            if self._sign_in.tenant is None and challenge.tenant is not None and is_entra(challenge):
                self._sign_in = self._sign_in.of_tenant(challenge)
                self._credential = None
            self._token = self._new(self._scope)
            return self._token.value != refused

    def _new(self, scope: str) -> Token:
        try:
            if self._credential is None:
                self._credential = self._make(self._sign_in)
            return self._credential.token(scope)
        except Exception as error:  # azure-identity raises errors of azure-core, msal and others
            if isinstance(error, AccupError) and not isinstance(error, NotPermittedError):
                raise
            raise NotPermittedError(
                f"No token for {scope}: {reason_of(error)}\n"
                f"Sign in with 'accup login --url {self._target.address}' or 'az login'; or give --token."
            ) from None
