"""Concurrent requests: the invariants hold, and every request gets an answer that fits the result."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest

from shared.core.settings import Settings
from tests.support.access_files import access_file, access_file_of, faulty_access_file
from tests.support.client import (
    Resource,
    Session,
    assert_error,
    async_http_client,
    create_body,
    http_client,
    multipart,
    part,
)
from tests.support.clocked import Clock
from tests.support.instances import running_instances
from tests.support.invariants import Storage
from tests.support.selection import tries_all
from tests.support.service import eventually, fire_timer

BLOCK_BYTES = 64 * 1024

Answers = list[httpx.Response]
Rounds = Callable[[int], range]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    """The clock of the racing service."""
    return Clock(tmp_path_factory.mktemp("clock") / "seconds")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(1, marks=pytest.mark.slow("of races in one instance"), id="one-instance"),
        pytest.param(2, id="two-instances"),
    ],
)
def racing_service(storage: Storage, clock: Clock, request: pytest.FixtureRequest) -> Iterator[str]:
    """A service with small blocks, in one process and in two."""
    settings = {"block_bytes": BLOCK_BYTES, "max_transfers_per_process": 100, "caller_share_percent": 100}
    storages = [storage.connection_string] * request.param
    with running_instances(storages, clock.program, **settings) as instances:
        yield instances.url


@pytest.fixture(scope="module")
def rounds(pytestconfig: pytest.Config) -> Rounds:
    """How often a race is run: so often, or half of it unless all tests run."""
    return lambda number: range(number if tries_all(pytestconfig) else -(-number // 2))


@pytest.fixture
def resource(racing_service: str) -> Iterator[Resource]:
    """A new resource in the racing service."""
    with http_client(racing_service) as client:
        yield Resource(client)


@pytest.fixture
async def racers(racing_service: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client for many concurrent requests."""
    async with async_http_client(racing_service) as client:
        yield client


def _upload(
    racers: httpx.AsyncClient, session: Session, name: str, content: bytes
) -> Coroutine[None, None, httpx.Response]:
    return racers.post(f"{session.path}/uploadFile", files={"file": (name, content, "text/csv")})


def _complete(racers: httpx.AsyncClient, session: Session) -> Coroutine[None, None, httpx.Response]:
    return racers.patch(session.path, json={"isUploadDone": True})


def _statuses(answers: Answers) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def _inner_code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["innerError"]["code"])


async def test_twenty_uploads_into_one_session_all_count(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(2):
        session = resource.new_session()
        contents = {f"{number}.csv": access_file(number) for number in range(1, 21)}

        answers = await asyncio.gather(*(_upload(racers, session, *file) for file in contents.items()))

        assert _statuses(answers) == {200: 20}
        total = sum(map(len, contents.values()))
        assert session.read()["stats"] == {"filesUploaded": 20, "totalBytesUploaded": total}
        assert sorted(session.file_names()) == sorted(contents)
        assert storage.violations(resource) == []
        assert storage.orphans(resource) == []


async def test_ten_creates_of_one_reference_have_one_winner(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        reference = str(uuid4())

        answers = await asyncio.gather(*(racers.post(resource.path, json=create_body(reference)) for _ in range(10)))

        assert _statuses(answers) == {201: 1, 409: 9}
        (winner,) = [answer.json()["id"] for answer in answers if answer.status_code == 201]
        told = {
            answer.json()["error"]["innerError"]["uploadSessionId"] for answer in answers if answer.status_code == 409
        }
        assert told == {winner}
        assert resource.ids({"$filter": f"referenceId eq '{reference}'"}) == [winner]
    assert storage.violations(resource) == []


async def test_creates_against_a_delete_leave_one_holder_or_none(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(13):
        reference = str(uuid4())
        session = resource.new_session(reference)

        deleted, *created = await asyncio.gather(
            racers.delete(session.path), *(racers.post(resource.path, json=create_body(reference)) for _ in range(5))
        )

        assert deleted.status_code == 204
        assert _statuses(created)[201] <= 1
        assert _statuses(created).keys() <= {201, 409}
        assert session.get().status_code == 404, "a deleted session does not come back"
        assert storage.violations(resource) == []
        assert resource.create(create_body(reference)).status_code == (409 if _statuses(created)[201] else 201)


@pytest.mark.parametrize("size", [2_000, 4 * BLOCK_BYTES], ids=["of-one-block", "of-many-blocks"])
async def test_upload_against_complete(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds, size: int
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        session.uploaded("first.csv")

        completed, *uploaded = await asyncio.gather(
            _complete(racers, session),
            *(_upload(racers, session, f"{number}.csv", access_file_of(size)) for number in range(5)),
        )

        assert completed.status_code == 200, "nothing that an upload of a good file does stops completion"
        assert _statuses(uploaded).keys() <= {200, 409}
        for answer in uploaded:
            assert answer.status_code == 200 or _inner_code(answer) == "uploadSessionFailed"
        accepted = 1 + _statuses(uploaded)[200]
        sealed = session.read({"$expand": "files"})
        assert sealed["status"] == "complete"
        assert sealed["stats"]["filesUploaded"] == len(sealed["files"]) == accepted
        assert completed.json()["stats"]["filesUploaded"] == accepted, "nothing changes after completion"
        manifest = storage.content(f"{resource.catalog_id}/{resource.resource_id}/{session.id}/manifest.json").decode()
        assert all(file["id"] in manifest for file in sealed["files"])
        assert storage.violations(resource) == []


async def test_a_refused_upload_against_complete_never_seals_a_session_with_an_open_refusal(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        session.uploaded("first.csv")

        completed, refused = await asyncio.gather(
            _complete(racers, session), _upload(racers, session, "bad.csv", faulty_access_file(3))
        )

        if completed.status_code == 200:
            assert refused.status_code in (400, 409)
            assert storage.refused_names(session) == []
        else:
            assert (completed.status_code, _inner_code(completed)) == (409, "uploadSessionIncomplete")
            assert refused.status_code == 400
            assert storage.refused_names(session) == ["bad.csv"]
        assert storage.violations(resource) == []


async def test_complete_against_delete_has_one_winner(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(8):
        session = resource.new_session()
        session.uploaded("access.csv")

        completed, deleted = await asyncio.gather(_complete(racers, session), racers.delete(session.path))

        if completed.status_code == 200:
            assert deleted.status_code == 409
            assert session.read()["status"] == "complete"
            assert session.value(session.files().json()["value"][0]["id"]).status_code == 200
        else:
            assert (completed.status_code, deleted.status_code) == (404, 204)
            assert session.get().status_code == 404
        assert storage.violations(resource) == []


async def test_deletes_at_once_are_one(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        for name in ("a.csv", "b.csv", "c.csv"):
            session.uploaded(name)

        answers = await asyncio.gather(*(racers.delete(session.path) for _ in range(4)))

        assert 204 in _statuses(answers)
        assert _statuses(answers).keys() <= {204, 404}
        assert storage.violations(resource) == []
        assert storage.orphans(resource) == []


async def test_upload_against_delete_leaves_nothing_or_was_too_late(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()

        deleted, *uploaded = await asyncio.gather(
            racers.delete(session.path),
            *(_upload(racers, session, f"{number}.csv", access_file()) for number in range(5)),
        )

        assert deleted.status_code == 204
        assert _statuses(uploaded).keys() <= {200, 404}
        assert session.get().status_code == 404
        assert storage.violations(resource) == []


async def test_the_same_file_uploaded_at_once_counts_once(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(8):
        session = resource.new_session()
        content = access_file(20)

        answers = await asyncio.gather(*(_upload(racers, session, "access.csv", content) for _ in range(3)))

        assert _statuses(answers) == {200: 3}
        assert session.read()["stats"] == {"filesUploaded": 1, "totalBytesUploaded": len(content)}
        assert len({answer.json()["files"][0]["id"] for answer in answers}) == 1
        assert storage.violations(resource) == []
        assert storage.orphans(resource) == []


async def test_other_bytes_under_one_name_at_once_have_one_winner(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        contents = [access_file(rows) for rows in range(1, 5)]

        answers = await asyncio.gather(*(_upload(racers, session, "access.csv", content) for content in contents))

        assert _statuses(answers) == {200: 1, 409: 3}
        assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {
            "nameAlreadyExists"
        }
        (winner,) = [content for answer, content in zip(answers, contents, strict=True) if answer.status_code == 200]
        (file,) = session.files().json()["value"]
        assert session.value(file["id"]).content == winner
        assert storage.violations(resource) == []
        assert storage.orphans(resource) == []


async def test_a_good_and_a_bad_file_of_one_name_at_once_end_in_one_state(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        good = access_file()

        accepted, refused = await asyncio.gather(
            _upload(racers, session, "access.csv", good),
            _upload(racers, session, "access.csv", faulty_access_file(3)),
        )

        assert (accepted.status_code, refused.status_code) == (200, 400)
        assert storage.violations(resource) == []
        session.uploaded("access.csv", good)
        assert session.completed()["stats"]["filesUploaded"] == 1


async def test_uploads_conditional_on_one_etag_have_one_winner(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(3):
        session = resource.new_session()
        condition = {"If-Match": session.get().headers["ETag"]}

        answers = await asyncio.gather(
            *(
                racers.post(
                    f"{session.path}/uploadFile",
                    files={"file": (f"{number}.csv", access_file(), "text/csv")},
                    headers=condition,
                )
                for number in range(5)
            )
        )

        assert _statuses(answers) == {200: 1, 412: 4}
        assert session.read()["stats"]["filesUploaded"] == 1
        assert storage.violations(resource) == []


@pytest.mark.own_host("on a clock that tests move")
async def test_only_leftovers_are_swept(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, racing_service: str, clock: Clock
) -> None:
    def at_random() -> Iterator[Callable[[Session], Coroutine[None, None, httpx.Response]]]:
        for number in range(6):
            content = access_file_of(2_000 + number * BLOCK_BYTES // 2)
            yield lambda session, name=f"{number}.csv", content=content: _upload(racers, session, name, content)  # type: ignore[misc]
        yield lambda session: _upload(racers, session, "0.csv", access_file())
        yield lambda session: _complete(racers, session)
        yield lambda session: racers.delete(session.path)

    sessions = [resource.new_session() for _ in range(6)]
    answers = await asyncio.gather(*(act(session) for session in sessions for act in at_random()))
    assert _statuses(answers).keys() <= {200, 204, 404, 409}
    assert storage.violations(resource) == []

    def swept() -> bool:
        fire_timer(racing_service)
        return not storage.orphans(resource)

    clock.move(2 * Settings().max_upload_seconds)
    assert eventually(swept)
    assert storage.violations(resource) == []
    for session_id in resource.ids():
        session = resource.session(session_id)
        for file in session.files().json()["value"]:
            assert len(session.value(file["id"]).content) == file["size"]


# A repeated upload, held open while something else happens to the session


@asynccontextmanager
async def held_upload(
    racers: httpx.AsyncClient, session: Session, name: str, content: bytes
) -> AsyncIterator[Callable[[], Coroutine[None, None, httpx.Response]]]:
    """An upload that has begun and whose last bytes are sent when its answer is asked for."""
    body = multipart(part(content, filename=name.encode()))
    finish = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield body[:-20]
        await finish.wait()
        yield body[-20:]

    headers = {"Content-Type": "multipart/form-data; boundary=testboundary"}
    upload = asyncio.ensure_future(racers.post(f"{session.path}/uploadFile", content=chunks(), headers=headers))
    await asyncio.sleep(0.5)  # the service has read the session

    async def answer() -> httpx.Response:
        finish.set()
        return await upload

    yield answer


async def test_a_repeated_file_is_404_if_the_session_was_deleted_meanwhile(
    resource: Resource, racers: httpx.AsyncClient
) -> None:
    session, content = resource.new_session(), access_file()
    session.uploaded("access.csv", content)

    async with held_upload(racers, session, "access.csv", content) as finish:
        assert session.delete().status_code == 204
        answer = await finish()

    assert_error(answer, 404, "itemNotFound", "uploadSessionNotFound")


async def test_a_repeated_file_is_409_if_the_session_was_completed_meanwhile(
    resource: Resource, racers: httpx.AsyncClient
) -> None:
    session, content = resource.new_session(), access_file()
    session.uploaded("access.csv", content)

    async with held_upload(racers, session, "access.csv", content) as finish:
        session.completed()
        answer = await finish()

    assert_error(answer, 409, "notAllowed", "uploadSessionFailed")


async def test_a_repeated_file_whose_name_was_refused_meanwhile_does_not_block_completion(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage
) -> None:
    session, content = resource.new_session(), access_file()
    session.uploaded("access.csv", content)

    async with held_upload(racers, session, "access.csv", content) as finish:
        assert session.upload("access.csv", faulty_access_file(3)).status_code == 400
        answer = await finish()

    assert answer.status_code == 200
    assert storage.refused_names(session) == []
    assert session.completed()["stats"]["filesUploaded"] == 1


async def test_a_repeated_file_that_was_deleted_and_refused_meanwhile_is_accepted_again(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage
) -> None:
    session, content = resource.new_session(), access_file()
    first = session.uploaded("access.csv", content)

    async with held_upload(racers, session, "access.csv", content) as finish:
        assert session.delete_file(first["id"]).status_code == 204
        assert session.upload("access.csv", faulty_access_file(3)).status_code == 400
        answer = await finish()

    assert answer.status_code == 200
    (file,) = answer.json()["files"]
    assert file["id"] != first["id"]
    assert session.value(file["id"]).content == content
    assert storage.refused_names(session) == []
    assert storage.violations(resource) == []
    session.completed()


# Files and refusals that are removed


async def test_a_file_deleted_against_completion_is_in_the_manifest_or_gone(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        session.uploaded("kept.csv")
        file = session.uploaded("access.csv")

        completed, deleted = await asyncio.gather(
            _complete(racers, session), racers.delete(f"{session.path}/files/{file['id']}")
        )

        assert completed.status_code == 200
        assert deleted.status_code in (204, 409)
        names = [each["name"] for each in storage.manifest(session)["files"]]
        assert names == (["kept.csv"] if deleted.status_code == 204 else ["kept.csv", "access.csv"])
        assert storage.violations(resource) == []


@pytest.mark.parametrize("what", ["grant", "name"])
async def test_what_is_put_against_its_deletion_is_listed_or_gone(
    what: str, resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(20):
        place = f"catalogs/{resource.catalog_id}/resources/{resource.resource_id}/principals/{uuid4()}"
        path, body = {
            "grant": (f"/v1.0/uploads/grants/{place}", {"role": "owner"}),
            "name": (f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}", {"displayName": "Doors"}),
        }[what]
        assert (await racers.put(path, json=body)).status_code == 200

        answers = await asyncio.gather(racers.delete(path), racers.put(path, json=body))

        assert _statuses(list(answers)) == {204: 1, 200: 1}
        assert storage.violations(resource) == []


async def test_a_file_deleted_several_times_at_once_is_subtracted_once(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        kept = session.uploaded("kept.csv")
        file = session.uploaded("access.csv")

        answers = await asyncio.gather(*(racers.delete(f"{session.path}/files/{file['id']}") for _ in range(4)))

        assert _statuses(answers) == {204: 1, 404: 3}
        assert session.read()["stats"] == {"filesUploaded": 1, "totalBytesUploaded": kept["size"]}
        assert storage.violations(resource) == []
        assert storage.orphans(resource) == []


async def test_a_withdrawal_against_another_refusal_leaves_one_state(
    resource: Resource, racers: httpx.AsyncClient, storage: Storage, rounds: Rounds
) -> None:
    for _ in rounds(5):
        session = resource.new_session()
        assert session.upload("bad.csv", faulty_access_file(3)).status_code == 400
        refusal = session.refusals().json()["value"][0]["id"]

        withdrawn, refused = await asyncio.gather(
            racers.delete(f"{session.path}/refusals/{refusal}"),
            _upload(racers, session, "bad.csv", faulty_access_file(4)),
        )

        assert (withdrawn.status_code, refused.status_code) == (204, 400)
        assert storage.refused_names(session) in ([], ["bad.csv"])
        assert storage.violations(resource) == []
