"""Calls to storage that are late while another instance replaces a file by one of another name: the count is the same.

Each operation runs again and again, each time with its next call late. The app's services run in this process.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from uuid import uuid4
from weakref import WeakValueDictionary

import pytest
from azure.data.tables import UpdateMode

from shared.core.errors import GraphError
from shared.core.ids import utc_now
from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey, Review, SessionKey, Snapshot, StoredFile
from shared.query.capabilities import SESSION
from shared.query.options import parse_query
from shared.services.context import Context
from shared.services.sessions.completing import complete_session
from shared.services.sessions.creating import create_session
from shared.services.sessions.listing import page_of_sessions
from shared.services.sessions.reading import get_snapshot, get_snapshots
from shared.services.uploads import storing
from shared.services.uploads.deleting import delete_file
from shared.services.uploads.receiving import upload
from shared.services.uploads.storing import FileUpload
from shared.storage.resource_partition.rows import partition as partition_of
from shared.storage.resource_partition.rows import session_row
from tests.faults.cases import MOST_CALLS
from tests.faults.transport import Fault, FaultyTransport, Plan
from tests.support.access_files import access_file, faulty_access_file
from tests.support.in_process import FORM, form_body, own_context
from tests.support.invariants import Storage

pytestmark = pytest.mark.own_host("in the process of the tests")

# Of another size than what replaces it.
OTHER = access_file(20)


@pytest.fixture
async def context(storage: Storage) -> AsyncIterator[Context]:
    """The services in this process."""
    async with own_context(storage) as own:
        yield own


# What is tried: a preparation that gives the operation itself, whose result is what its caller sees.

Act = Callable[[], Awaitable[Sequence[Snapshot]]]
Prepare = Callable[[Context, SessionKey], Awaitable[Act]]


async def _upload(context: Context, key: SessionKey, name: str, content: bytes) -> Snapshot:
    snapshot, _ = await upload(context, key, form_body(content, name), FORM, Conditions())
    return snapshot


def _simply(operation: Callable[[Context, SessionKey], Awaitable[Snapshot]]) -> Prepare:
    async def prepare(context: Context, key: SessionKey) -> Act:
        async def act() -> Sequence[Snapshot]:
            return [await operation(context, key)]

        return act

    return prepare


def _complete(context: Context, key: SessionKey) -> Awaitable[Snapshot]:
    return complete_session(context, key, Conditions(), allow_incomplete=False, allow_change=False)


def _accepted(context: Context, key: SessionKey) -> Awaitable[Snapshot]:
    return _upload(context, key, "c.csv", access_file())


async def _refused(context: Context, key: SessionKey) -> Snapshot:
    with suppress(GraphError):
        await _upload(context, key, "c.csv", faulty_access_file(3))
    return await get_snapshot(context, key)


async def _after_a_lost_race(context: Context, key: SessionKey) -> Act:
    """An upload whose first attempt loses, so that it reads the session and its files anew."""
    content = access_file()
    new_file = FileUpload(context, key, Conditions())
    await new_file.writer.write(content)
    digest = sha256(content).hexdigest()
    file = StoredFile(new_file.file_id, "c.csv", len(content), digest, 1, "graph", 0, utc_now())
    known = await new_file.put_blob(file)
    with _another_instance():
        await _upload(context, key, "d.csv", access_file())

    async def act() -> Sequence[Snapshot]:
        return [await new_file.add(file, known)]

    return act


async def _list(context: Context, key: SessionKey) -> Act:
    query = parse_query([("$expand", "files")], capabilities=SESSION, allowed={"$expand"})

    async def act() -> Sequence[Snapshot]:
        page = await page_of_sessions(context, key.resource, query)
        return await get_snapshots(context, key.resource, page.sessions, page.file_ranges)

    return act


OPERATIONS = {
    "update": _simply(_complete),
    "upload": _simply(_accepted),
    "upload-after-a-lost-race": _after_a_lost_race,
    "upload-that-is-refused": _simply(_refused),
    "get": _simply(get_snapshot),
    "list": _list,
}


@contextmanager
def _another_instance() -> Iterator[None]:
    """Another instance has the same storage, and a queue of uploads of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(storing, "_queues", WeakValueDictionary())
        yield


def _without_mark(storage: Storage, key: SessionKey) -> None:
    """Store the session as an older version does."""
    partition, row_key = partition_of(key.resource), session_row(key)
    row = dict(storage.sessions.get_entity(partition, row_key))
    del row["FilesMark"]
    storage.sessions.update_entity(row, mode=UpdateMode.REPLACE)


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "of-an-older-version"])
@pytest.mark.parametrize("prepare", OPERATIONS.values(), ids=OPERATIONS)
async def test_a_call_that_is_late_mixes_no_two_states(
    prepare: Prepare, marked: bool, context: Context, storage: Storage
) -> None:
    async with FaultyTransport().installed() as late:
        for index in range(MOST_CALLS):
            resource = ResourceKey(str(uuid4()), str(uuid4()))
            key = (await create_session(context, resource, Review(str(uuid4()), str(uuid4())))).key
            replaced = (await _upload(context, key, "a.csv", OTHER)).files[0]
            act = await prepare(context, key)

            async def replace(key: SessionKey = key, replaced: StoredFile = replaced) -> None:
                with _another_instance(), suppress(GraphError):
                    await delete_file(context, key, replaced.id, Conditions())
                    await _upload(context, key, "c.csv", access_file())
                    if not marked:
                        _without_mark(storage, key)

            if not marked:
                _without_mark(storage, key)
            late.plan = plan = Plan(Fault.LATE, index, replace)
            with suppress(GraphError):
                for session, files in await act():
                    stats = session.files_uploaded, session.total_bytes
                    assert stats == (len(files), sum(file.size for file in files)), f"call {index + 1}"
            late.plan = None
            assert (found := storage.broken(*resource)) == [], f"call {index + 1}: {found}"
            if not plan.hit:
                break
    assert index > 1
