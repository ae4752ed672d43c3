"""Tokens that are given, or that a command prints."""

import subprocess
from threading import Lock

from accup.errors import NotPermittedError
from accup.signin.challenge import Challenge

_COMMAND_SECONDS = 120


class NoToken:
    """For a service that requires no authentication."""

    def current(self) -> str | None:
        """No token."""
        return None

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        """There is no token to get."""
        return False


class StaticToken:
    """A token that was given, for as long as it is valid."""

    def __init__(self, token: str) -> None:
        """Take a token.

        Raises:
            NotPermittedError: it cannot be one, because it contains a space or a control character.
        """
        self._token = token.strip()
        if not self._token or not self._token.isascii() or not self._token.isprintable() or " " in self._token:
            raise NotPermittedError("The token is empty, or contains characters that no token has.")

    def current(self) -> str | None:
        """The token."""
        return self._token

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        """There is no other token to get."""
        return False


class CommandToken:
    """Tokens that a command prints, such as ``az account get-access-token ... --output tsv``."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._lock = Lock()
        self._token: str | None = None

    def current(self) -> str | None:
        """The token that the command printed last.

        Raises:
            NotPermittedError: the command failed.
        """
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
        return StaticToken(done.stdout.decode(errors="replace")).current() or ""
