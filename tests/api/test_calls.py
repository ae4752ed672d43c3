"""How many calls to storage an operation makes: the app's services in this process, on the tests' storage."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from azure.core.pipeline.transport import AioHttpTransport

import shared.services.file_deletion
import shared.services.file_upload
import shared.services.grants
import shared.services.resources
import shared.services.session_refusals
import shared.services.uploads
import shared.services.visible_resources
from shared.core.settings import settings
from shared.domain.audit import SERVICE
from shared.domain.callers import READ_ALL, Caller, Grant, GrantKey, Role
from shared.domain.etags import IfMatch
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey, Review
from shared.services.grants import put_grant
from shared.services.resources import put_resource
from shared.services.sessions import Sessions
from shared.services.uploads import upload, validate
from shared.services.visible_resources import list_resources
from shared.storage.account import Storage as OwnStorage
from tests.support.access_files import access_file
from tests.support.client import multipart, part
from tests.support.in_process import FORM, own_storage
from tests.support.invariants import Storage

pytestmark = pytest.mark.own_host("in the process of the tests")

NAMED = 20

SERVICES = (
    shared.services.grants,
    shared.services.resources,
    shared.services.file_deletion,
    shared.services.file_upload,
    shared.services.session_refusals,
    shared.services.uploads,
    shared.services.visible_resources,
)


@pytest.fixture
async def store(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OwnStorage]:
    """The app's storage, as the services in this process use it."""
    async with own_storage(storage, monkeypatch, SERVICES) as own:
        yield own


@pytest.fixture
def calls(store: OwnStorage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls to storage, by method and URL, from the moment when a test clears it."""
    made: list[str] = []
    real = AioHttpTransport.send

    async def send(transport: AioHttpTransport, request: Any, **options: Any) -> Any:
        made.append(f"{request.method} {request.url}")
        return await real(transport, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", send)
    return made


@pytest.fixture
async def named(store: OwnStorage) -> list[ResourceKey]:
    """Resources of one catalog that have a name."""
    catalog = str(uuid4())
    keys = [ResourceKey(catalog, str(uuid4())) for _ in range(NAMED)]
    for key in keys:
        await put_resource(key, ResourceDescription(key.resource_id), SERVICE)
    return sorted(keys, key=lambda key: key.resource_id)


def _caller(permission: str = "") -> Caller:
    return Caller(str(uuid4()), str(uuid4()), str(uuid4()), frozenset({permission}), frozenset({str(uuid4())}))


def _before(key: ResourceKey) -> str:
    """A page token before all resources of a catalog."""
    return f"{key.catalog_id}_"


async def test_a_list_for_the_tenant_makes_one_query_for_each_catalog(
    named: list[ResourceKey], calls: list[str]
) -> None:
    calls.clear()

    page = await list_resources(_caller(READ_ALL), after=_before(named[0]), size=NAMED - 1)

    assert [each.key for each in page.resources] == named[:-1]
    assert page.next_key is not None
    assert len(calls) == 2, calls


async def test_a_list_for_a_granted_catalog_reads_its_grant_and_its_names_once(
    named: list[ResourceKey], calls: list[str]
) -> None:
    caller = _caller()
    key = GrantKey(named[0].catalog_id, None, caller.object_id)
    await put_grant(Grant(key, Role.READER), SERVICE)
    calls.clear()

    page = await list_resources(caller, after=None, size=NAMED)

    assert [(each.key, each.role) for each in page.resources] == [(key, Role.READER) for key in named]
    principals = len(caller.principals)
    assert len(calls) == principals + 2, calls


async def test_a_list_for_granted_resources_makes_two_point_reads_for_each(
    named: list[ResourceKey], calls: list[str]
) -> None:
    caller = _caller()
    granted = named[::5]
    for key in granted:
        await put_grant(Grant(GrantKey(key.catalog_id, key.resource_id, caller.object_id), Role.OWNER), SERVICE)
    calls.clear()

    page = await list_resources(caller, after=None, size=NAMED)

    assert [(each.key, each.role) for each in page.resources] == [(key, Role.OWNER) for key in granted]
    assert len(calls) == len(caller.principals) + 2 * len(granted), calls


@pytest.mark.parametrize(("operation", "before", "after"), [("upload", 1, 3), ("validate", 2, 0)])
async def test_an_upload_reads_the_session_before_the_body_ends(
    operation: str, before: int, after: int, store: OwnStorage, calls: list[str]
) -> None:
    resource = ResourceKey(str(uuid4()), str(uuid4()))
    session = await Sessions(store, settings(), SERVICE).create(resource, Review(str(uuid4()), str(uuid4())))
    calls.clear()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(500):
            if len(calls) >= before:
                break
            await asyncio.sleep(0.01)
        assert len(calls) == before, calls
        yield multipart(part(access_file()))

    if operation == "upload":
        await upload(SERVICE, session.key, body(), FORM, IfMatch())
    else:
        await validate(SERVICE, session.key, body(), FORM)

    assert len(calls) == before + after, calls
