"""The app's services in the process of the tests, on the tests' storage."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import ModuleType

import pytest

from shared.core.settings import Settings
from shared.storage.account import Storage as OwnStorage
from tests.support.client import multipart, part
from tests.support.invariants import Storage

FORM = "multipart/form-data; boundary=testboundary"


@asynccontextmanager
async def own_storage(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, modules: Sequence[ModuleType]
) -> AsyncIterator[OwnStorage]:
    """The app's storage, which these modules of the app use meanwhile."""
    own = OwnStorage.connect(Settings().model_copy(update={"storage": storage.connection_string}))

    def connected() -> OwnStorage:
        return own

    for module in modules:
        monkeypatch.setattr(module, "storage", connected)
    try:
        yield own
    finally:
        await own.close()


async def form_body(content: bytes, name: str) -> AsyncIterator[bytes]:
    """The body of a form of type ``FORM`` with one file, at once."""
    yield multipart(part(content, filename=name.encode()))
