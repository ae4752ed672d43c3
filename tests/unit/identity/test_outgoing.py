"""The identity whose tokens go to the targets of deliveries."""

from typing import Any

import azure.identity.aio
import pytest

from shared.core.settings import Settings
from shared.identity import outgoing


@pytest.mark.parametrize(
    ("chosen", "expected"), [("managedidentity", "ManagedIdentityCredential"), (None, "DefaultAzureCredential")]
)
async def test_it_is_the_one_that_storage_is_accessed_with(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None, expected: str
) -> None:
    made: list[tuple[str, dict[str, Any]]] = []

    class Token:
        token = "token"

    def kind(name: str) -> type:
        class Identity:
            def __init__(self, **options: Any) -> None:
                made.append((name, options))

            async def get_token(self, *_: str) -> Token:
                return Token()

        return Identity

    for name in ("ManagedIdentityCredential", "DefaultAzureCredential"):
        monkeypatch.setattr(azure.identity.aio, name, kind(name))
    outgoing._credential.cache_clear()
    config = Settings.model_validate({"storage_credential": chosen, "storage_client_id": "some-id"})

    assert await outgoing.token_for("https://graph.microsoft.com/.default", config)() == "token"
    assert [name for name, _ in made] == [expected]
    assert "some-id" in made[0][1].values()
