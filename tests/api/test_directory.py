"""The directory: who may put it, what may be read back of it, and what stays of one that is replaced."""

import gzip
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from local.azurite import azurite
from shared.core.errors import GraphError
from shared.domain.etags import Conditions
from shared.services.directory.taking import put_directory
from shared.services.sessions.expiry import expire_due
from tests.api.test_audit import activities, records
from tests.faults.cases import MOST_CALLS
from tests.faults.transport import Fault, FaultyTransport, Plan
from tests.support.authority import READ_ALL, Authority
from tests.support.client import Json, assert_error, http_client
from tests.support.clock import Clock as OwnClock
from tests.support.clocked import Clock
from tests.support.in_process import own_context
from tests.support.invariants import Storage
from tests.support.service import fire_timer, running_service

PATH = "/v1.0/uploads/directory"
CSV = {"Content-Type": "text/csv"}


def directory(users: int = 3, more: str = "") -> bytes:
    rows = "".join(f"{UUID(int=number, version=4)},ann{number}@fabrikam.example,true\n" for number in range(users))
    return f"id,userPrincipalName,accountEnabled\n{rows}{more}".encode()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A storage account of these tests only: it has one directory."""
    with azurite(tmp_path_factory.mktemp("azurite")) as own, closing(Storage(own.connection_string)) as opened:
        yield opened


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock") / "seconds")


@pytest.fixture(scope="module")
def own_service(account: Storage, authority: Authority, clock: Clock) -> Iterator[str]:
    with running_service(account.connection_string, None, (), clock.program, **authority.settings) as url:
        yield url


@pytest.fixture
def administrator(own_service: str, authority: Authority) -> Iterator[httpx.Client]:
    with http_client(own_service, authority.token()) as http:
        http.delete(PATH)
        yield http


def put(http: httpx.Client, content: bytes | None = None, headers: Mapping[str, str] | None = None) -> Json:
    content = directory() if content is None else content
    answer = http.put(PATH, content=content, headers=CSV | dict(headers or {}))
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


@pytest.mark.parametrize("version", ["v1.0", "beta"])
def test_a_directory_is_put_read_as_counts_replaced_and_deleted(administrator: httpx.Client, version: str) -> None:
    path = PATH.replace("v1.0", version)
    assert_error(administrator.get(path), 404, "itemNotFound")
    content = directory(3, f"{uuid4()},ANN0@fabrikam.example,\n")
    answer = administrator.put(path, content=content, headers=CSV)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert {name: told[name] for name in ("users", "sha256", "attributes")} == {
        "users": 4,
        "sha256": sha256(content).hexdigest(),
        "attributes": [{"name": "userPrincipalName", "users": 4, "shared": 2}],
    }
    read = administrator.get(path)
    assert (read.json(), read.headers["ETag"]) == (told, told["@odata.etag"])
    assert "fabrikam" not in read.text
    assert administrator.put(path, content=directory(5), headers=CSV).json()["users"] == 5
    assert administrator.get(path).json()["users"] == 5
    assert administrator.delete(path).status_code == 204
    assert_error(administrator.delete(path), 404, "itemNotFound")
    assert_error(administrator.get(path), 404, "itemNotFound")


def test_a_directory_can_come_as_a_form_and_compressed(administrator: httpx.Client) -> None:
    content = directory()
    digest = sha256(content).hexdigest()
    form = administrator.put(PATH, files={"file": ("users.csv", content, "text/csv")})
    assert form.json()["sha256"] == digest
    assert put(administrator, gzip.compress(content), {"Content-Encoding": "gzip"})["sha256"] == digest
    assert put(administrator, content.decode().encode("utf-16"))["users"] == 3
    assert_error(administrator.put(PATH, json={}), 415, "notSupported")


def test_a_broken_directory_replaces_nothing(administrator: httpx.Client, account: Storage) -> None:
    before = put(administrator)
    blobs = set(account.uploads.list_blob_names(name_starts_with="directory/"))
    for content, target in (
        (directory(3, f"{UUID(int=1, version=4)},x,\n"), "line 5, id"),
        (directory(3, "nobody,x,\n"), "line 5, id"),
        (directory(3, f"{uuid4()},x,perhaps\n"), "line 5, accountEnabled"),
        (b"name\nAnn\n", "line 1"),
        (b"", "line 1"),
    ):
        error = administrator.put(PATH, content=content, headers=CSV)
        assert_error(error, 400, "invalidRequest", target="file")
        assert [detail["target"] for detail in error.json()["error"]["details"]] == [target]
    cut = administrator.put(PATH, content=gzip.compress(directory(9))[:-9], headers=CSV | {"Content-Encoding": "gzip"})
    assert_error(cut, 400, "invalidRequest")
    assert administrator.get(PATH).json() == before
    assert set(account.uploads.list_blob_names(name_starts_with="directory/")) == blobs
    assert account.broken("", "") == []


def test_changes_are_conditional(administrator: httpx.Client) -> None:
    etag = put(administrator, headers={"If-None-Match": "*"})["@odata.etag"]
    for headers in ({"If-None-Match": "*"}, {"If-Match": '"other"'}):
        assert_error(administrator.put(PATH, content=directory(), headers=CSV | headers), 412, "resourceModified")
    assert_error(administrator.delete(PATH, headers={"If-Match": '"other"'}), 412, "resourceModified")
    assert administrator.get(PATH, headers={"If-None-Match": etag}).status_code == 304
    newer = put(administrator, headers={"If-Match": etag})["@odata.etag"]
    assert administrator.delete(PATH, headers={"If-Match": newer}).status_code == 204


def test_only_who_may_write_in_the_whole_tenant_has_access(
    administrator: httpx.Client, own_service: str, authority: Authority
) -> None:
    put(administrator)
    for roles in ([READ_ALL], None):
        with http_client(own_service, authority.token(roles=roles)) as other:
            assert_error(other.put(PATH, content=directory(), headers=CSV), 403, "accessDenied")
            assert_error(other.get(PATH), 403, "accessDenied")
            assert_error(other.delete(PATH), 403, "accessDenied")
    with http_client(own_service) as stranger:
        assert_error(stranger.get(PATH), 401, "unauthenticated")


def test_changes_are_recorded_without_personal_data(administrator: httpx.Client) -> None:
    digest = put(administrator)["sha256"]
    administrator.delete(PATH)
    found = records(administrator, "activityDateTime ge 2026-01-01T00:00:00Z and activity eq 'putDirectory'")
    assert found[-1]["details"] == {"sha256": digest, "size": len(directory()), "users": 3}
    assert (found[-1]["catalogId"], found[-1]["resourceId"], found[-1]["sessionId"]) == (None, None, None)
    removed = records(administrator, "activityDateTime ge 2026-01-01T00:00:00Z and activity eq 'deleteDirectory'")
    assert activities(removed[-1:]) == [("deleteDirectory", "success")]


def test_what_is_stored_has_no_text_of_the_directory(administrator: httpx.Client, account: Storage) -> None:
    put(administrator)
    stored = b"".join(map(account.content, account.uploads.list_blob_names(name_starts_with="directory/")))
    rows = json.dumps([{**row} for row in account.account.grants.list_entities()], default=str)
    assert stored
    assert b"ann1" not in stored
    assert "ann1" not in rows


@pytest.mark.own_host("on a clock that is moved")
def test_blobs_of_a_replaced_directory_go_when_no_upload_can_read_them(
    administrator: httpx.Client, account: Storage, own_service: str, clock: Clock
) -> None:
    def directories() -> set[str]:
        return {name.split("/")[2] for name in account.uploads.list_blob_names(name_starts_with="directory/")}

    put(administrator)
    first = directories()
    put(administrator, directory(5))
    assert len(directories()) == len(first) + 1
    fire_timer(own_service)
    assert directories() > first, "an upload that has begun may still read it"
    clock.move(clock.seconds + 3600)
    fire_timer(own_service)
    assert len(directories()) == 1
    assert not directories() & first
    assert account.broken("", "", swept=True) == []
    assert administrator.get(PATH).json()["users"] == 5


def test_a_deleted_directory_leaves_nothing_at_once(administrator: httpx.Client, account: Storage) -> None:
    put(administrator)
    before = len(list(account.uploads.list_blob_names(name_starts_with="directory/")))
    administrator.delete(PATH)
    assert len(list(account.uploads.list_blob_names(name_starts_with="directory/"))) == before - 2


def test_a_directory_larger_than_the_limit_of_files_is_refused(
    account: Storage, authority: Authority, tmp_path: Path
) -> None:
    with (
        running_service(account.connection_string, max_file_bytes=100, **authority.settings) as url,
        http_client(url, authority.token()) as http,
    ):
        error = http.put(PATH, content=directory(), headers=CSV)
        assert_error(error, 413, "invalidRequest")
        assert "UPLOADS_MAX_FILE_BYTES" in error.json()["error"]["message"]


@pytest.mark.parametrize(
    ("breaks", "number"), [("part", "17"), ("size", "17"), ("stray", "18"), ("begun", "18"), ("record", "10")]
)
def test_the_checker_reports_a_broken_directory(
    administrator: httpx.Client, account: Storage, breaks: str, number: str
) -> None:
    put(administrator)
    assert account.broken("", "") == []
    (row,) = account.account.grants.query_entities("PartitionKey eq 'directory' and RowKey eq 'current'")
    blob = f"directory/snapshots/{row['DirectoryId']}/0"
    if breaks == "part":
        account.uploads.delete_blob(blob)
    elif breaks == "size":
        account.uploads.upload_blob(blob, b"x", overwrite=True)
    elif breaks == "stray":
        account.put_blob(f"directory/snapshots/{uuid4()}/users", b"x")
    elif breaks == "begun":
        account.account.grants.upsert_entity({"PartitionKey": "directory", "RowKey": f"begun:{uuid4()}"})
    else:
        account.account.grants.update_entity({**row, "Sha256": "0" * 64})
    assert [violation.split(":")[0] for violation in account.broken("", "")] == [number]
    for name in list(account.uploads.list_blob_names(name_starts_with="directory/")):
        account.uploads.delete_blob(name)
    for row in account.account.grants.query_entities("PartitionKey eq 'directory' and RowKey ge 'begun:'"):
        account.account.grants.delete_entity(row)


@pytest.mark.own_host("in the process of the tests")
async def test_an_upload_that_takes_too_long_is_not_made_the_directory_without_its_index(account: Storage) -> None:
    """Each call of an upload is late in turn: until the timer has removed what an interrupted upload leaves."""
    async with own_context(account) as context, FaultyTransport().installed() as late:
        for index in range(MOST_CALLS):
            with OwnClock().installed() as clock:

                async def settle(clock: OwnClock = clock) -> None:
                    clock.move(seconds=context.settings.max_upload_seconds)
                    assert "refused" not in await expire_due(context)

                late.plan = plan = Plan(Fault.LATE, index, settle)
                with suppress(GraphError):
                    await put_directory(context, _at_once(directory(index + 1)), "text/csv", Conditions())
                late.plan = None
            assert (found := account.broken("", "")) == [], f"call {index + 1}: {found}"
            if not plan.hit:
                break
    assert index > 5


async def _at_once(content: bytes) -> AsyncIterator[bytes]:
    yield content
