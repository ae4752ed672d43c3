"""The steps in which an uploaded file is stored, when something happens between two of them.

The app's services run in this process, on the tests' storage.
"""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import AzureError, ServiceResponseError

from shared.core.errors import GraphError
from shared.core.ids import utc_now
from shared.domain.audit import SERVICE, Activity, AuditRecord, new_record
from shared.domain.etags import IfMatch
from shared.domain.lifecycle import with_file
from shared.domain.sessions import ResourceKey, Review, Session, SessionKey, Snapshot, StoredFile
from shared.services.context import Context
from shared.services.sessions.creating import create_session
from shared.services.sessions.ending import delete_session
from shared.services.uploads.deleting import delete_file
from shared.services.uploads.receiving import upload
from shared.services.uploads.storing import FileUpload, queue_of
from shared.storage.audit_log import ConcurrentChangeError
from shared.storage.azure.blobs import BlobWriter
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
    resource = ResourceKey(str(uuid4()), str(uuid4()))
    return (await create_session(context, resource, Review(str(uuid4()), str(uuid4())))).key


async def _begun(context: Context, key: SessionKey, name: str) -> tuple[FileUpload, StoredFile]:
    """An upload whose bytes are received."""
    new_file = FileUpload(context, key, IfMatch())
    await new_file.writer.write(CONTENT)
    digest = sha256(CONTENT).hexdigest()
    return new_file, StoredFile(new_file.file_id, name, len(CONTENT), digest, 1, "graph", 0, utc_now())


async def _add(context: Context, key: SessionKey, name: str) -> Snapshot:
    """Upload a file."""
    new_file, file = await _begun(context, key, name)
    return await new_file.add(file, await new_file.put_blob(file))


async def _upload(context: Context, key: SessionKey, name: str = "access.csv") -> Snapshot:
    snapshot, _ = await upload(context, key, form_body(CONTENT, name), FORM, IfMatch())
    return snapshot


async def _stored(context: Context, key: SessionKey) -> list[str]:
    """The names of the session's files, each of which has its blob; no other blob is there."""
    files = await context.storage.sessions.files(key)
    assert sorted(await context.storage.blobs.names(key)) == sorted(file.id for file in files)
    return [file.name for file in files]


@pytest.mark.parametrize("failing", ["description", "hour"])
async def test_nothing_goes_on_or_stays_if_a_call_beside_the_blob_fails(
    failing: str, context: Context, key: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = BlobWriter.commit

    async def fail(*_args: object) -> None:
        raise ServiceResponseError("no answer")

    async def commit_later(writer: BlobWriter) -> None:
        await asyncio.sleep(0.05)
        await commit(writer)

    if failing == "description":
        monkeypatch.setattr(context.storage.descriptions, "get", fail)
    else:
        monkeypatch.setattr(context.storage.audit, "expect", fail)
    monkeypatch.setattr(BlobWriter, "commit", commit_later)
    before = asyncio.all_tasks()

    with pytest.raises(AzureError):
        await _upload(context, key)

    assert asyncio.all_tasks() == before
    assert await _stored(context, key) == []


async def test_no_blob_is_sent_before_the_session_is_known(
    context: Context, key: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    await delete_session(context, key, IfMatch())
    sent = []

    async def observed(_writer: BlobWriter) -> None:
        sent.append("Put Blob")

    monkeypatch.setattr(BlobWriter, "commit", observed)

    with pytest.raises(GraphError) as caught:
        await _upload(context, key)

    assert caught.value.problem.status == 404
    assert sent == []


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
    await delete_file(context, key, earlier.id, IfMatch())

    snapshot = await new_file.add(file, known)

    assert [each.id for each in snapshot.files] == [file.id]
    assert await _stored(context, key) == ["access.csv"]


async def test_other_uploads_do_not_wait_while_a_blob_is_removed(
    context: Context, key: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = queue_of(key)
    await _upload(context, key)
    abandon, locked = BlobWriter.abandon, []

    async def observed(writer: BlobWriter) -> None:
        locked.append(queue.lock.locked())
        await abandon(writer)

    monkeypatch.setattr(BlobWriter, "abandon", observed)

    await _upload(context, key)

    assert locked == [False]
    assert await _stored(context, key) == ["access.csv"]


async def test_a_file_that_was_added_keeps_its_blob_if_the_session_cannot_be_read_then(
    context: Context, key: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_file = context.storage.sessions.add_file

    async def add_file_and_lose_the_answer(
        session: Session, file: StoredFile, record: AuditRecord, **rest: bool
    ) -> None:
        await add_file(session, file, record, **rest)
        monkeypatch.setattr(context.storage.sessions, "files", read)
        raise ConcurrentChangeError(record)

    async def read(_key: SessionKey) -> list[StoredFile]:
        """Files and session never agree."""
        return []

    monkeypatch.setattr(context.storage.sessions, "add_file", add_file_and_lose_the_answer)

    with pytest.raises(GraphError):
        await _upload(context, key)

    monkeypatch.undo()
    assert await _stored(context, key) == ["access.csv"]


async def test_uploads_into_one_session_go_on_from_what_the_one_before_has_stored(
    context: Context, key: SessionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = [await _begun(context, key, f"{each}.csv") for each in range(3)]
    known = [await new_file.put_blob(file) for new_file, file in begun]
    conditions, add_file = [], context.storage.sessions.add_file

    async def observed(session: Session, *args: Any, **options: Any) -> Session:
        conditions.append(session.etag)
        return await add_file(session, *args, **options)

    monkeypatch.setattr(context.storage.sessions, "add_file", observed)

    stored = [await new_file.add(file, each) for (new_file, file), each in zip(begun, known, strict=True)]

    # No write lost a race: each one was conditional on the state that the one before has left.
    assert conditions == [known[0].session.etag, stored[0].session.etag, stored[1].session.etag]
    assert [file.name for file in stored[-1].files] == ["0.csv", "1.csv", "2.csv"]


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
