"""Calls to storage that ``test_round_trips`` does not count: of the app's services in this process."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from shared.domain.callers import Caller, Grant, GrantKey, Role
from shared.domain.etags import Conditions
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey, Review
from shared.services.context import Context
from shared.services.resources.descriptions import put_resource
from shared.services.resources.grants import put_grant
from shared.services.resources.visible import list_resources
from shared.services.sessions.creating import create_session
from shared.services.uploads.checking import validate
from shared.services.uploads.receiving import upload
from tests.faults.transport import FaultyTransport
from tests.support.access_files import access_file
from tests.support.client import multipart, part
from tests.support.in_process import FORM, own_context
from tests.support.invariants import Storage

pytestmark = pytest.mark.own_host("in the process of the tests")

NAMED = 20


@pytest.fixture
async def context(storage: Storage) -> AsyncIterator[Context]:
    """The services in this process."""
    async with own_context(storage) as own:
        yield own


@pytest.fixture
async def calls() -> AsyncIterator[list[str]]:
    """The calls to storage, by method and URL, from the moment when a test clears it."""
    async with FaultyTransport().installed() as transport:
        yield transport.made


@pytest.fixture
async def named(context: Context) -> list[ResourceKey]:
    """Resources of one catalog that have a name."""
    catalog = str(uuid4())
    keys = [ResourceKey(catalog, str(uuid4())) for _ in range(NAMED)]
    for key in keys:
        await put_resource(context, key, ResourceDescription(key.resource_id), Conditions())
    return sorted(keys, key=lambda key: key.resource_id)


async def test_a_list_for_a_granted_catalog_reads_its_grant_and_its_names_once(
    context: Context, named: list[ResourceKey], calls: list[str]
) -> None:
    caller = Caller(str(uuid4()), str(uuid4()), str(uuid4()), frozenset(), frozenset({str(uuid4())}))
    key = GrantKey(named[0].catalog_id, None, caller.object_id)
    await put_grant(context, Grant(key, Role.READER), Conditions())
    calls.clear()

    page = await list_resources(context, caller, after=None, size=NAMED)

    assert [(each.key, each.role) for each in page.resources] == [(key, Role.READER) for key in named]
    principals = len(caller.principals)
    assert len(calls) == principals + 2, calls


@pytest.mark.parametrize(("operation", "before", "after"), [("upload", 2, 2), ("validate", 2, 0)])
async def test_an_upload_reads_the_session_and_what_is_declared_before_the_body_ends(
    operation: str, before: int, after: int, context: Context, calls: list[str]
) -> None:
    resource = ResourceKey(str(uuid4()), str(uuid4()))
    session = await create_session(context, resource, Review(str(uuid4()), str(uuid4())))
    calls.clear()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(500):
            if len(calls) >= before:
                break
            await asyncio.sleep(0.01)
        assert len(calls) == before, calls
        yield multipart(part(access_file()))

    if operation == "upload":
        await upload(context, session.key, body(), FORM, Conditions())
    else:
        await validate(context, session.key, body(), FORM)

    assert len(calls) == before + after, calls
