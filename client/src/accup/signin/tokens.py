"""Where tokens come from, and what a service says about them."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from accup.errors import NotPermittedError

_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_TENANT = re.compile(r"(https?://[^/]+)/([^/]+)/oauth2(?:/v2\.0)?/authorize/?")
_COMMAND_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401's ``WWW-Authenticate`` says (RFC 6750, section 3): for which audience tokens must be, and of whom.

    Every part may be missing.
    """

    scope: str | None = None
    authority: str | None = None
    tenant: str | None = None

    @classmethod
    def of(cls, headers: Sequence[str]) -> "Challenge":
        """The Bearer challenge among the headers."""
        rest = next((header[7:] for header in headers if header.lower().startswith("bearer ")), "")
        found = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
        issuer = _TENANT.fullmatch(found.get("authorization_uri", ""))
        resource = found.get("resource_id") or found.get("resource")
        return cls(
            scope=found.get("scope") or (f"{resource}/.default" if resource else None),
            authority=issuer[1] if issuer else None,
            tenant=issuer[2] if issuer else None,
        )


class Tokens:
    """Where tokens come from. This one has none, for a service that requires no authentication."""

    def current(self) -> str | None:
        """The token to send, if there is one.

        Raises:
            NotPermittedError: it cannot be had.
        """
        return None

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        """Get a token after a 401; false if there is no other than the one that was refused."""
        return False


class StaticToken(Tokens):
    """A token that was given, for as long as it is valid."""

    def __init__(self, token: str) -> None:
        """Take a token.

        Raises:
            NotPermittedError: it cannot be one, because it contains a space or a control character.
        """
        self._token = token.strip()
        if not self._token or not self._token.isascii() or not self._token.isprintable() or " " in self._token:
            raise NotPermittedError("The token is empty, or contains characters that no token has.")

    def current(self) -> str:
        """The token."""
        return self._token


class CommandToken(Tokens):
    """Tokens that a command prints, such as ``az account get-access-token ... --output tsv``."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._lock = Lock()
        self._token: str | None = None

    def current(self) -> str:
        """The token that the command printed last."""
        with self._lock:
            if self._token is None:
                self._token = self._run()
            return self._token

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        """Run the command again, unless another thread has; false if it prints the token that was refused."""
        with self._lock:
            if self._token == refused:
                self._token = self._run()
            return self._token != refused

    def _run(self) -> str:
        try:
            # The user's own command line, as they would type it.
            done = subprocess.run(  # noqa: S602
                self._command, shell=True, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotPermittedError(f"The token command took longer than {_COMMAND_SECONDS} seconds.") from None
        if done.returncode:
            raise NotPermittedError(f"The token command failed with exit code {done.returncode}.")
        return StaticToken(done.stdout.decode(errors="replace")).current()
