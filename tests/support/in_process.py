"""The app's services in the process of the tests, on the tests' storage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.core.settings import Settings
from shared.services.context import Context
from shared.storage.account import Storage as OwnStorage
from tests.support.client import multipart, part
from tests.support.invariants import Storage

FORM = "multipart/form-data; boundary=testboundary"


@asynccontextmanager
async def own_context(storage: Storage, **changed: object) -> AsyncIterator[Context]:
    """What the services work with: the app's own storage on the tests' account, on behalf of the service itself."""
    settings = Settings().model_copy(update={"storage": storage.connection_string, **changed})
    own = OwnStorage.connect(settings)
    try:
        yield Context(own, settings)
    finally:
        await own.close()


async def form_body(content: bytes, name: str) -> AsyncIterator[bytes]:
    """The body of a form of type ``FORM`` with one file, at once."""
    yield multipart(part(content, filename=name.encode()))
