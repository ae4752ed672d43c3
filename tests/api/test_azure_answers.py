"""What Azure answers and Azurite never does, as Microsoft documents it: ``docs/invariants.md`` has the sources.

The app's services run in this process. An ``AzureError`` becomes 503 with ``Retry-After`` (``test_outages``).
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest
from azure.core.exceptions import AzureError

from shared.core.errors import GraphError
from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey, Review, SessionKey
from shared.services.context import Context
from shared.services.sessions.completing import complete_session
from shared.services.sessions.creating import create_session
from shared.services.sessions.ending import delete_session
from shared.services.sessions.reading import get_session
from shared.services.uploads.receiving import upload
from tests.faults.transport import Documented, FaultyTransport
from tests.support.access_files import access_file
from tests.support.client import multipart, part
from tests.support.in_process import FORM, form_body, own_context
from tests.support.invariants import Storage

pytestmark = pytest.mark.own_host("in the process of the tests")

BLOCK_BYTES = 64 * 1024


@pytest.fixture
async def azure() -> AsyncIterator[FaultyTransport]:
    """What storage answers."""
    async with FaultyTransport().installed() as transport:
        yield transport


@pytest.fixture
async def context(storage: Storage, azure: FaultyTransport) -> AsyncIterator[Context]:
    """The services in this process, with small blocks."""
    async with own_context(storage, block_bytes=BLOCK_BYTES) as own:
        yield own


@pytest.fixture
async def key(context: Context) -> SessionKey:
    """A new session."""
    return await _create(context)


async def _create(context: Context) -> SessionKey:
    resource = ResourceKey(str(uuid4()), str(uuid4()))
    return (await create_session(context, resource, Review(str(uuid4()), str(uuid4())))).key


async def _upload(context: Context, key: SessionKey) -> None:
    await upload(context, key, form_body(access_file(), f"{uuid4()}.csv"), FORM, Conditions())


async def _complete(context: Context, key: SessionKey) -> None:
    await complete_session(context, key, Conditions(), allow_incomplete=False, allow_change=False)


async def _delete(context: Context, key: SessionKey) -> None:
    await delete_session(context, key, Conditions())


End = Callable[[Context, SessionKey], Awaitable[None]]


async def _discard(context: Context, key: SessionKey) -> None:
    """What only a defect would do: the session stays."""
    await context.storage.blobs.delete(key, await context.storage.blobs.names(key))


@pytest.mark.parametrize(("end", "expected"), [(_delete, 404), (_discard, 503)], ids=["deleted", "still there"])
async def test_blocks_that_were_discarded_are_no_outage_if_the_session_has_ended(
    context: Context, key: SessionKey, end: End, expected: int
) -> None:
    content = access_file(3000)
    form = multipart(part(content, filename=b"access.csv"))

    async def body() -> AsyncIterator[bytes]:
        for start in range(0, len(form), BLOCK_BYTES):
            if start == 3 * BLOCK_BYTES:
                while not await context.storage.blobs.names(key):
                    pass
                await end(context, key)
            yield form[start : start + BLOCK_BYTES]

    assert await _status(upload(context, key, body(), FORM, Conditions())) == expected
    assert await context.storage.blobs.names(key) == []


async def _status(call: Awaitable[object]) -> int:
    """The status of the response that a call to a service becomes."""
    try:
        await call
    except GraphError as error:
        return error.problem.status
    except AzureError:
        return 503
    return 200


Operation = Callable[[Context, SessionKey], Awaitable[object]]

ANSWERS: dict[str, tuple[Operation, Documented, int]] = {
    "a table that is being deleted, in a change": (
        _upload,
        Documented(r"POST .*\$batch", 409, "TableBeingDeleted"),
        503,
    ),
    "a table that is being deleted, in a read": (
        get_session,
        Documented("GET .*uploadsessions", 409, "TableBeingDeleted"),
        503,
    ),
    "a row that is not there": (get_session, Documented("GET .*uploadsessions", 404, "EntityNotFound"), 404),
    "a container that is being deleted": (_upload, Documented("PUT .*/uploads/", 409, "ContainerBeingDeleted"), 503),
    "a batch that is too large": (_upload, Documented(r"POST .*\$batch", 413, "RequestBodyTooLarge"), 503),
    "a table that is too busy": (_upload, Documented(r"POST .*\$batch", 503, "ServerBusy"), 503),
    "a partition that is too busy": (_upload, Documented(r"POST .*\$batch", 500, "OperationTimedOut"), 503),
    "a policy that keeps blobs": (_delete, Documented("DELETE .*/uploads/", 409, "BlobImmutableDueToPolicy"), 503),
    "a lease on a blob": (_delete, Documented("DELETE .*/uploads/", 412, "LeaseIdMissing"), 503),
    "a manifest that is there": (_complete, Documented("PUT .*manifest", 409, "BlobAlreadyExists"), 200),
    "a manifest that is there, otherwise": (_complete, Documented("PUT .*manifest", 412, "ConditionNotMet"), 200),
    "a manifest whose container is being deleted": (
        _complete,
        # The session is complete already: the timer writes its manifest.
        Documented("PUT .*manifest", 409, "ContainerBeingDeleted"),
        200,
    ),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_each_documented_answer_becomes_the_right_response(
    context: Context, key: SessionKey, azure: FaultyTransport, what: str
) -> None:
    operation, documented, expected = ANSWERS[what]
    await _upload(context, key)

    azure.documented = documented
    status = await _status(operation(context, key))
    azure.documented = None

    assert status == expected
