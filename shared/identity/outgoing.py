"""Tokens with which the app calls other services: those of its managed identity, or of a developer's sign-in."""

from collections.abc import Awaitable, Callable
from typing import Any

from azure.core.exceptions import AzureError

from shared.core.settings import Settings
from shared.domain.deliveries import DeliveryError

NO_TOKEN = "none"  # noqa: S105  # no secret, but the word for none
"""The scope with which no token is sent."""

# One for the process: it keeps tokens until shortly before they expire.
_credential: Any = None


def token_for(scope: str, config: Settings) -> Callable[[], Awaitable[str | None]]:
    """A function that gets a token for a scope; ``None`` for ``NO_TOKEN``. It raises ``DeliveryError``."""

    async def get_token() -> str | None:
        global _credential  # noqa: PLW0603  # see above
        if scope == NO_TOKEN:
            return None
        if _credential is None:
            # Imported here, since the import takes 0.25 s and is needed only where something is delivered.
            from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

            _credential = DefaultAzureCredential(managed_identity_client_id=config.storage_client_id)
        try:
            return str((await _credential.get_token(scope)).token)
        except AzureError as error:
            raise DeliveryError(
                f"Microsoft Entra gives the app's identity no token for {scope} ({type(error).__name__})."
            ) from error

    return get_token
