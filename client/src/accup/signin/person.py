"""A person's sign-in with msal, Microsoft's library below azure-identity, which alone can end one, too."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accup.errors import NotPermittedError
from accup.signin.credentials import SignIn, Token

# The application of the Azure CLI, as which azure-identity signs developers in, too. An administrator allows it
# (docs/deploy.md, "Access for people").
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
_BROWSER_SECONDS = 300


class Person:
    """The tokens of a person, kept between runs in the system's keyring, or in a file that only they can read."""

    def __init__(self, sign_in: SignIn, say: Callable[[str], None]) -> None:
        """Take the sign-in; ``say`` tells the person what to do.

        Raises:
            ValueError: the tenant's name is none.
        """
        import msal  # noqa: PLC0415  # half a second

        from accup.signin.connection import session_of  # noqa: PLC0415

        self._sign_in = sign_in
        self._say = say
        self.cache, self.file = _cache(sign_in.folder)
        self._app = msal.PublicClientApplication(
            sign_in.client_id or AZURE_CLI,
            authority=f"{sign_in.entra}/{sign_in.tenant or 'organizations'}",
            token_cache=self.cache,
            http_client=session_of(sign_in.certificates),
        )

    def token(self, scope: str) -> Token:
        """A token of who signed in before, or signs in now if someone can be asked.

        Raises:
            NotPermittedError: there is nobody.
        """
        result = self._silent(scope)
        if result is None and self._sign_in.asks:
            result, _ = self._interactive(scope)
        if result is None:
            raise NotPermittedError("the sign-in of 'accup login' is not there any more.")
        return _token(result)

    def log_in(self, scope: str) -> dict[str, Any]:
        """Let the person sign in; gives their account as msal has it.

        Raises:
            NotPermittedError: it did not work.
        """
        _, account = self._interactive(scope)
        return account

    def log_out(self, account: str) -> None:
        """Remove all tokens of an account."""
        for each in self._accounts(account):
            self._app.remove_account(each)

    def _silent(self, scope: str) -> Any:
        accounts = self._accounts(self._sign_in.account)
        if len(accounts) != 1:
            return None
        result = self._app.acquire_token_silent_with_error([scope], account=accounts[0])
        if result and "error" in result and self._sign_in.asks:
            return None
        return result

    def _interactive(self, scope: str) -> tuple[Any, dict[str, Any]]:
        before = {each["home_account_id"] for each in self._app.get_accounts()}
        if self._sign_in.kind == "browser":
            self._say("Sign in with the browser that opens now. Without one, use --credential device-code.")
            result = self._app.acquire_token_interactive([scope], timeout=_BROWSER_SECONDS, prompt="select_account")
        else:
            flow = self._app.initiate_device_flow([scope])
            if "user_code" not in flow:
                raise NotPermittedError(str(flow.get("error_description") or flow.get("error")))
            self._say(str(flow["message"]))
            result = self._app.acquire_token_by_device_flow(flow)
        _token(result)
        claims = result.get("id_token_claims") or {}
        accounts = self._app.get_accounts()
        found = [each for each in accounts if each["username"] == claims.get("preferred_username")]
        found += [each for each in accounts if each["home_account_id"] not in before]
        if not found:
            raise NotPermittedError("Microsoft Entra did not say who signed in.")
        return result, {**found[0], "tenant": claims.get("tid")}

    def _accounts(self, wanted: str | None) -> list[dict[str, Any]]:
        return [each for each in self._app.get_accounts() if wanted in (None, each["home_account_id"])]


def _token(result: Any) -> Token:
    """The token of an answer of msal.

    Raises:
        NotPermittedError: it is an error, or that of a library that could not connect.
    """
    if not isinstance(result, dict) or "access_token" not in result:
        told = result if isinstance(result, dict) else {}
        raise NotPermittedError(str(told.get("error_description") or told.get("error") or "there was no answer."))
    return Token.lasting(str(result["access_token"]), float(result["expires_in"]))


def _cache(folder: Path | None) -> tuple[Any, Path | None]:
    """Where tokens are kept, and the file if that is not encrypted; in memory without a folder."""
    import msal  # noqa: PLC0415
    from msal_extensions import FilePersistence, PersistedTokenCache, build_encrypted_persistence  # noqa: PLC0415
    from msal_extensions.persistence import PersistenceDecryptionError, PersistenceNotFound  # noqa: PLC0415

    if folder is None:
        return msal.TokenCache(), None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = None
    try:
        kept: Any = build_encrypted_persistence(str(folder / "tokens"))
    except Exception:  # noqa: BLE001  # whatever a system without a keyring raises: no library, no bus, no display
        plain = folder / "tokens.json"
        kept = FilePersistence(str(plain))
    try:
        json.loads(kept.load())
    except PersistenceNotFound:
        pass
    except (ValueError, PersistenceDecryptionError):
        # Damaged: who signed in must do so again, and nothing else is lost.
        kept.save("{}")
    return PersistedTokenCache(kept), plain
