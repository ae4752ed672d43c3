"""The steps in which an uploaded file is stored, when something happens between two of them.

The app's services run in this process, on the tests' storage.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import AioHttpTransport

from shared.core.errors import GraphError
from shared.core.ids import utc_now
from shared.domain.audit import SERVICE, Activity, new_record
from shared.domain.etags import Conditions
from shared.domain.lifecycle import with_file
from shared.domain.sessions import ResourceKey, Review, SessionKey, Snapshot, StoredFile
from shared.services.context import Context
from shared.services.sessions.creating import create_session
from shared.services.sessions.ending import delete_session
from shared.services.uploads.deleting import delete_file
from shared.services.uploads.receiving import upload
from shared.services.uploads.storing import FileUpload
from tests.faults.cases import MOST_CALLS
from tests.faults.transport import Fault, FaultyTransport, Plan
from tests.support.access_files import access_file
from tests.support.in_process import FORM, form_body, own_context
from tests.support.invariants import Storage

pytestmark = pytest.mark.own_host("in the process of the tests")

CONTENT = access_file()


@pytest.fixture
async def context(storage: Storage) -> AsyncIterator[Context]:
    """The services in this process."""
    async with own_context(storage) as own:
        yield own


@pytest.fixture
async def key(context: Context) -> SessionKey:
    """A new session."""
    return await _new_session(context)


async def _new_session(context: Context) -> SessionKey:
    resource = ResourceKey(str(uuid4()), str(uuid4()))
    return (await create_session(context, resource, Review(str(uuid4()), str(uuid4())))).key


async def _begun(context: Context, key: SessionKey, name: str) -> tuple[FileUpload, StoredFile]:
    """An upload whose bytes are received."""
    new_file = FileUpload(context, key, Conditions())
    await new_file.writer.write(CONTENT)
    digest = sha256(CONTENT).hexdigest()
    return new_file, StoredFile(new_file.file_id, name, len(CONTENT), digest, 1, "graph", 0, utc_now())


async def _add(context: Context, key: SessionKey, name: str) -> Snapshot:
    """Upload a file."""
    new_file, file = await _begun(context, key, name)
    return await new_file.add(file, await new_file.put_blob(file))


async def _upload(context: Context, key: SessionKey, name: str = "access.csv") -> Snapshot:
    snapshot, _ = await upload(context, key, form_body(CONTENT, name), FORM, Conditions())
    return snapshot


async def _stored(context: Context, key: SessionKey) -> list[str]:
    """The names of the session's files, each of which has its blob; no other blob is there."""
    files = await context.storage.sessions.files(key)
    assert sorted(await context.storage.blobs.names(key)) == sorted(file.id for file in files)
    return [file.name for file in files]


async def test_whatever_answer_is_lost_a_file_has_its_blob_or_neither_is_there(context: Context) -> None:
    """From each call on, as if the network had gone: nothing of the upload goes on after its answer, or stays."""
    async with FaultyTransport().installed() as storage:
        for lost in range(MOST_CALLS):
            key = await _new_session(context)
            before = asyncio.all_tasks()
            storage.plan = plan = Plan(Fault.ANSWER_LOST_ALWAYS, lost)
            try:
                await _upload(context, key)
            except (AzureError, GraphError):
                assert asyncio.all_tasks() == before
            storage.plan = None
            assert await _stored(context, key) in ([], ["access.csv"])
            if not plan.hit:
                break
    assert await _stored(context, key) == ["access.csv"]
    assert lost > 2


async def test_no_blob_is_sent_before_the_session_is_known(context: Context, key: SessionKey) -> None:
    await delete_session(context, key, Conditions())

    async with FaultyTransport().installed() as storage:
        with pytest.raises(GraphError) as caught:
            await _upload(context, key)

    assert caught.value.problem.status == 404
    assert storage.made
    assert all(call.startswith("GET ") for call in storage.made)


async def test_a_session_that_only_seemed_to_have_expired_takes_the_file(context: Context, key: SessionKey) -> None:
    new_file, file = await _begun(context, key, "access.csv")
    known = await new_file.put_blob(file)
    outdated = Snapshot(known.session._replace(last_active=utc_now() - context.settings.idle), known.files)

    snapshot = await new_file.add(file, outdated)

    assert [each.id for each in snapshot.files] == [file.id]


async def test_a_file_is_stored_again_if_it_was_deleted_meanwhile(context: Context, key: SessionKey) -> None:
    earlier = (await _add(context, key, "access.csv")).files[0]
    new_file, file = await _begun(context, key, "access.csv")
    known = await new_file.put_blob(file)
    assert [each.id for each in known.files] == [earlier.id]
    await delete_file(context, key, earlier.id, Conditions())

    snapshot = await new_file.add(file, known)

    assert [each.id for each in snapshot.files] == [file.id]
    assert await _stored(context, key) == ["access.csv"]


class CutOff(FaultyTransport):
    """Answers the transaction 500 although it is done, lets so many calls through then, and no more."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls
        self._changed = False

    async def send(self, transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        if self._changed:
            self.left -= 1
            if self.left < 0:
                self.plan = Plan(Fault.NOT_SENT_ALWAYS, 0)
        elif request.url.endswith("$batch"):
            self._changed, self.plan = True, Plan(Fault.DONE_BUT_BROKEN, 0)
        return await super().send(transport, request, **options)


async def test_a_file_that_was_added_keeps_its_blob_whatever_can_be_read_then(context: Context) -> None:
    for calls in range(MOST_CALLS):
        key = await _new_session(context)
        async with CutOff(calls).installed() as storage:
            with suppress(AzureError, GraphError):
                await _upload(context, key)
        assert await _stored(context, key) == ["access.csv"]
        if storage.left >= 0:
            break
    assert calls > 1


class HeldRemoval(FaultyTransport):
    """Removes no blob until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.goes_on = asyncio.Event(), asyncio.Event()

    async def send(self, transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        if request.method == "DELETE":
            self.asked.set()
            await self.goes_on.wait()
        return await super().send(transport, request, **options)


async def test_other_uploads_do_not_wait_while_a_blob_is_removed(context: Context, key: SessionKey) -> None:
    await _upload(context, key)

    async with HeldRemoval().installed() as storage:
        # The session has this file, so that the new blob is removed.
        same = asyncio.create_task(_upload(context, key))
        await storage.asked.wait()
        await _upload(context, key, "other.csv")
        assert not same.done()
        storage.goes_on.set()
        await same

    assert sorted(await _stored(context, key)) == ["access.csv", "other.csv"]


async def test_uploads_into_one_session_go_on_from_what_the_one_before_has_stored(
    context: Context, key: SessionKey
) -> None:
    begun = [await _begun(context, key, f"{each}.csv") for each in range(3)]
    known = [await new_file.put_blob(file) for new_file, file in begun]

    async with FaultyTransport().installed() as storage:
        for (new_file, file), each in zip(begun, known, strict=True):
            await new_file.add(file, each)

    assert len([call for call in storage.made if call.endswith("$batch")]) == 3, "no write lost a race"
    assert sorted(await _stored(context, key)) == ["0.csv", "1.csv", "2.csv"]


async def test_what_an_upload_before_has_stored_is_not_believed_if_another_process_has_changed_it(
    context: Context, key: SessionKey
) -> None:
    (first, first_file), (second, second_file) = [await _begun(context, key, name) for name in ("a.csv", "b.csv")]
    known = [await first.put_blob(first_file), await second.put_blob(second_file)]
    stored = await first.add(first_file, known[0])
    # Not through this process's queue.
    elsewhere = second_file._replace(id=str(uuid4()))
    record = new_record(Activity.UPLOAD_FILE, key, SERVICE)
    changed = with_file(stored.session, elsewhere, clears_refusal=False, now=utc_now())
    await context.storage.sessions.add_file(changed, elsewhere, record, clears_refusal=False)

    snapshot = await second.add(second_file, known[1])

    assert sorted(file.id for file in snapshot.files) == sorted([first_file.id, elsewhere.id])
    assert second_file.id not in await context.storage.blobs.names(key)
