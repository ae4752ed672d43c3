"""Tokens with which the app calls other services: those of its managed identity, or of a developer's sign-in."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from azure.core.exceptions import AzureError

from shared.core.settings import Settings
from shared.domain.deliveries import DeliveryError
from shared.storage.azure.connections import credential

NO_TOKEN = "none"  # noqa: S105  # no secret, but the word for none
"""The scope with which no token is sent."""


def token_for(scope: str, config: Settings) -> Callable[[], Awaitable[str | None]]:
    """A function that gets a token for a scope; ``None`` for ``NO_TOKEN``. It raises ``DeliveryError``."""

    async def get_token() -> str | None:
        if scope == NO_TOKEN:
            return None
        try:
            return str((await _credential(config).get_token(scope)).token)
        except AzureError as error:
            raise DeliveryError(
                f"Microsoft Entra gives the app's identity no token for {scope} ({type(error).__name__})."
            ) from error

    return get_token


@cache
def _credential(config: Settings) -> Any:
    """The one of the process, which keeps tokens until shortly before they expire."""
    # Imported here, since the import takes 0.25 s and is needed only where something is delivered.
    from azure.identity import aio  # noqa: PLC0415

    return credential(config, aio)
