"""What matches the accounts of a file: the directory as storage has it, and what a process keeps of it in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from azure.core.exceptions import AzureError

from local.azurite import azurite
from shared.access_data.codes import Code
from shared.access_data.steps.declaration import PrincipalRules
from shared.core.errors import GraphError
from shared.core.settings import Settings
from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey
from shared.services.context import Context
from shared.services.directory.removing import delete_directory
from shared.services.directory.taking import put_directory
from shared.services.directory.using import matcher_for
from shared.services.resources.accounts import put_accounts
from shared.storage.account import Storage
from shared.storage.directory import parts
from tests.support.clock import Clock
from tests.support.invariants import Storage as Account

BY = PrincipalRules(("userPrincipalName", "employeeId"))
ALWAYS = Conditions()


@pytest.fixture(scope="module")
def connection_string(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite(tmp_path_factory.mktemp("azurite")) as account:
        yield account.connection_string


@pytest.fixture
async def context(connection_string: str) -> AsyncIterator[Context]:
    settings = Settings().model_copy(update={"storage": connection_string})
    storage = Storage.connect(settings)
    yield Context(storage, settings)
    await storage.close()


@pytest.fixture
def key() -> ResourceKey:
    return ResourceKey(str(uuid4()), str(uuid4()))


def user(number: int) -> str:
    return str(UUID(int=number << 100 | number, version=4))


async def pieces(content: str) -> AsyncIterator[bytes]:
    yield content.encode()


async def put(context: Context, users: int = 3, first: int = 0) -> None:
    rows = "".join(f"{user(first + at)},ann{at}@x.example,a{at}@y.example,{100 + at}\n" for at in range(users))
    await put_directory(context, pieces(f"id,UserPrincipalName,mail,EmployeeId\n{rows}"), "text/csv", ALWAYS)


async def match(context: Context, key: ResourceKey, *accounts: str, by: PrincipalRules = BY) -> Sequence[object]:
    matcher = await matcher_for(context, key, by)
    return [each.principal or (each.fault and each.fault.code) for each in matcher.match(accounts)]


async def test_accounts_are_matched_with_the_directory_and_the_list_of_now(context: Context, key: ResourceKey) -> None:
    await put(context)
    assert await match(context, key, "ANN1@x.example", "102", "svc") == [user(1), user(2), Code.UNKNOWN_PRINCIPAL]
    listed = 'account,principalId\nsvc,-\n"102",ann0@x.example\n'
    await put_accounts(context, key, pieces(listed), "text/csv", ALWAYS)
    assert await match(context, key, "102", "svc") == [user(0), None]
    await put(context, first=10)
    assert await match(context, key, "ann1@x.example", user(1)) == [user(11), Code.UNKNOWN_PRINCIPAL]
    await delete_directory(context, ALWAYS)
    assert await match(context, key, "ann1@x.example", user(1), "svc") == [Code.NO_DIRECTORY, user(1), None]


async def test_an_upload_keeps_the_directory_that_it_has_begun_with(context: Context, key: ResourceKey) -> None:
    await put(context)
    before = await matcher_for(context, key, BY)
    await put(context, first=10)
    after = await matcher_for(context, key, BY)
    await delete_directory(context, ALWAYS)
    assert [matcher.match(["ann1@x.example"])[0].principal for matcher in (before, after)] == [user(1), user(11)]
    assert before.snapshot is not None
    assert after.snapshot is not None
    assert before.snapshot.sha256 != after.snapshot.sha256


async def test_a_directory_that_is_too_old_is_not_used(context: Context, key: ResourceKey) -> None:
    await put(context)
    with Clock().installed() as clock:
        clock.ahead = timedelta(days=13.9)
        assert await match(context, key, "ann1@x.example") == [user(1)]
        clock.ahead = timedelta(days=14.1)
        assert await match(context, key, "ann1@x.example", user(1)) == [Code.DIRECTORY_TOO_OLD, user(1)]


async def test_a_process_reads_a_directory_once_and_only_what_it_needs(
    context: Context, key: ResourceKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(context)
    read: list[str] = []
    blobs = context.storage.blobs
    real = blobs.read

    async def noted(folder: object, name: str, **options: int) -> AsyncIterator[bytes]:
        read.append(name)
        return await real(folder, name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(blobs, "read", noted)
    await asyncio.gather(*(match(context, key, "ann1@x.example") for _ in range(3)))
    assert sorted(read) == ["0", "2", "users"], "by userPrincipalName and employeeId"
    await match(context, key, "a1@y.example", by=PrincipalRules(("mail",)))
    assert sorted(read) == ["0", "1", "2", "users"]
    await match(context, key, "ann1@x.example")
    assert len(read) == 4
    monkeypatch.setattr(parts, "MAX_LOADED_BYTES", context.storage.directory_parts.loaded_bytes - 1)
    await put(context)
    await match(context, key, "ann1@x.example")
    await match(context, key, "a1@y.example", by=PrincipalRules(("mail",)))
    assert context.storage.directory_parts.loaded_bytes <= parts.MAX_LOADED_BYTES, "employeeId was forgotten"


async def test_a_directory_that_is_removed_while_it_is_loaded_is_none(
    context: Context, key: ResourceKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(context)
    directory = context.storage.directory
    real = directory.current

    async def removed_after() -> object:
        current = await real()
        if current is not None:
            await delete_directory(context, ALWAYS)
        return current

    monkeypatch.setattr(directory, "current", removed_after)
    monkeypatch.setattr("shared.services.directory.removing.get_directory", lambda _: real())
    assert await match(context, key, "ann1@x.example") == [Code.NO_DIRECTORY]


async def test_a_directory_that_lacks_parts_matches_nothing_wrongly(context: Context, key: ResourceKey) -> None:
    await put(context)
    current = await context.storage.directory.current()
    assert current is not None
    await context.storage.blobs.delete(current.folder, ["2"])
    with pytest.raises(GraphError, match="Upload the directory again") as caught:
        await match(context, key, "ann1@x.example")
    assert caught.value.problem.status == 500
    await put(context)
    assert await match(context, key, "ann1@x.example") == [user(1)]


async def test_the_directory_is_put_by_one_of_several_at_once(context: Context, key: ResourceKey) -> None:
    await asyncio.gather(*(put(context, first=10 * number) for number in range(4)))
    (found,) = await match(context, key, "ann1@x.example")
    assert found in {user(10 * number + 1) for number in range(4)}


async def test_a_failure_while_it_is_written_changes_nothing(
    context: Context, key: ResourceKey, connection_string: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(context)
    stored = context.storage.directory_parts

    async def failing(_: str, name: str, __: bytes) -> None:
        if name == "1":
            raise AzureError("no")

    with monkeypatch.context() as patch:
        patch.setattr(stored, "put", failing)
        with pytest.raises(AzureError):
            await put(context, first=10)
    assert await match(context, key, "ann1@x.example") == [user(1)]
    with closing(Account(connection_string)) as account:
        assert account.broken("", "") == []
