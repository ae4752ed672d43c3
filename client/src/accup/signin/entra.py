"""Tokens of Microsoft Entra, from azure-identity: a developer's sign-in, a managed identity, a pipeline's identity."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from accup.api.targets import Target
from accup.errors import NotPermittedError
from accup.signin.challenge import Challenge
from accup.signin.credentials import SignIn, credential

# Microsoft Entra in the global cloud and the national clouds ("National clouds", Microsoft identity platform).
_LOGIN_HOSTS = frozenset(
    {"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn", "login.windows.net"}
)
# A token that is about to expire would be refused in the middle of an upload.
_SPARE_SECONDS = 300


class EntraTokens:
    """Tokens for the target's audience, which is known (Graph, or a setting) or learned from its first 401."""

    def __init__(self, target: Target, sign_in: SignIn, make: Callable[[SignIn], Any] = credential) -> None:
        self._target = target
        self._sign_in = sign_in
        self._make = make
        self._scope = sign_in.scope or (f"https://{target.host}/.default" if target.is_graph else None)
        self._lock = Lock()
        self._credential: Any = None
        self._token: str | None = None
        self._valid_until = 0.0

    def current(self) -> str | None:
        """The token; none as long as nothing says what its audience must be.

        Raises:
            NotPermittedError: nobody is signed in.
        """
        with self._lock:
            if self._scope is None:
                return None
            if self._token is None or time.time() > self._valid_until - _SPARE_SECONDS:
                self._get(self._scope)
            return self._token

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        """Learn the audience from a 401, or get another token in place of the refused one.

        Raises:
            NotPermittedError: the service does not say which tokens it accepts, or asks for one that it must not get.
        """
        with self._lock:
            if self._token is not None and self._token != refused:
                return True
            if self._scope is None:
                self._scope = checked_scope(challenge, self._target)
                self._sign_in = self._sign_in.of_tenant(challenge)
                return True
            if refused is None:
                return True
            self._token = None
            self._get(self._scope)
            return self._token != refused

    def _get(self, scope: str) -> None:
        if self._credential is None:
            self._credential = self._make(self._sign_in)
        try:
            got = self._credential.get_token(scope)
        except Exception as error:  # noqa: BLE001  # azure-identity raises errors of azure-core, msal and others
            reason = str(error).strip().splitlines()
            raise NotPermittedError(
                f"No token for {scope}: {reason[0] if reason else type(error).__name__}\n"
                f"Sign in with 'accup login --url {self._target.base}' or 'az login'; or give --token."
            ) from None
        self._token = got.token
        self._valid_until = float(got.expires_on)


def checked_scope(challenge: Challenge, target: Target) -> str:
    """The scope that a challenge names, if a token for it may be sent to the target.

    A service must not be able to ask for a token for another one and use it there. So the audience must be an
    application's own (``api://...``) or an address on the target's host; Azure's SDKs check the same
    ("challenge resource verification").

    Raises:
        NotPermittedError: it names none, or one of another service.
    """
    give = "Give --token or --token-command, or name the scope with --scope."
    if challenge.scope is None:
        raise NotPermittedError(f"{target.host} requires a token and does not say for which audience. {give}")
    if challenge.authority is not None and urlsplit(challenge.authority).hostname not in _LOGIN_HOSTS:
        raise NotPermittedError(
            f"{target.host} accepts tokens of {challenge.authority}, which is not Microsoft Entra. "
            "Give --token or --token-command."
        )
    scope = challenge.scope.split()[0]
    parts = urlsplit(scope)
    if parts.scheme == "api" or (parts.scheme == "https" and parts.hostname == target.host):
        return scope
    raise NotPermittedError(
        f"{target.host} asks for a token for {scope}, which is not an audience of its own. No token was requested. "
        f"If this is right, name the scope with --scope {scope}."
    )
