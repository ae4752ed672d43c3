"""What access costs: a request of an app owner, and a list of resources, whatever else is granted or was."""

import random
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest

from bench.scale import insert, new_resource
from shared.domain.callers import READ_ALL, Caller, Grant, GrantKey, Right, Role
from shared.domain.etags import Conditions
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey
from shared.services.context import Context
from shared.services.resources import visible
from shared.services.resources.descriptions import delete_resource, put_resource
from shared.services.resources.grants import delete_grant, put_grant
from shared.services.resources.visible import list_resources
from shared.storage.catalog_partition import grants
from shared.storage.indexes.access import PUT_TAKES_AT_MOST, TENANT
from tests.support.clock import Clock
from tests.support.costs import Costs
from tests.support.in_process import own_context
from tests.support.invariants import Storage

pytestmark = pytest.mark.own_host("in the process of the tests")

ALWAYS = Conditions()


@pytest.fixture
async def context(storage: Storage) -> AsyncIterator[Context]:
    """The services in this process."""
    async with own_context(storage) as own:
        yield own


def caller(*groups: str, permissions: Sequence[str] = ()) -> Caller:
    return Caller(str(uuid4()), str(uuid4()), str(uuid4()), frozenset(permissions), frozenset(groups))


def store_grants(storage: Storage, resource: ResourceKey, principals: Sequence[str]) -> None:
    """Grants for the catalog, and for the resource, of all principals."""
    for place in ("catalog", f"resource:{resource.resource_id}"):
        keys = (f"{place}:{principal}" for principal in principals)
        row = {"PartitionKey": resource.catalog_id, "Role": "reader"}
        insert(storage.account.grants, (row | {"RowKey": key} for key in keys))


@pytest.mark.parametrize("others", [0, 300])
async def test_a_request_of_an_owner_costs_the_same_whatever_others_are_granted(
    context: Context, storage: Storage, costs: Costs, others: int
) -> None:
    resource = new_resource()
    owner = caller(str(uuid4()), str(uuid4()))
    store_grants(storage, resource, [str(uuid4()) for _ in range(others)])
    await put_grant(context, Grant(GrantKey(*resource, owner.object_id), Role.OWNER), ALWAYS)
    costs.clear()

    assert await context.storage.grants.right(resource, owner, enough=Right.WRITE) is Right.WRITE

    assert (len(costs.calls), costs.rows) == (2, 1)


async def test_grants_of_groups_are_read_only_if_the_callers_own_do_not_suffice(
    context: Context, storage: Storage, costs: Costs
) -> None:
    resource, group = new_resource(), str(uuid4())
    member = caller(group)
    store_grants(storage, resource, [str(uuid4()) for _ in range(300)])
    await put_grant(context, Grant(GrantKey(*resource, member.object_id), Role.READER), ALWAYS)
    await put_grant(context, Grant(GrantKey(*resource, group), Role.OWNER), ALWAYS)

    for enough, spent in ((Right.READ, (2, 1)), (Right.WRITE, (4, 2))):
        costs.clear()
        assert await context.storage.grants.right(resource, member, enough=enough) is enough
        assert (len(costs.calls), costs.rows) == spent


async def test_the_grants_of_a_few_groups_are_found_among_many_with_few_rows(
    context: Context, storage: Storage, costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "_ROWS_FOR_EACH", 1)
    resource = new_resource()
    principals = sorted(str(uuid4()) for _ in range(120))
    store_grants(storage, resource, principals)
    rng = random.Random(1)  # the same cases each time
    for _ in range(20):
        granted = rng.sample(principals, rng.randint(0, 2))
        member = caller(*granted, *(str(uuid4()) for _ in range(rng.randint(1, 4))))
        costs.clear()

        right = await context.storage.grants.right(resource, member, enough=Right.WRITE)

        assert right is (Right.READ if granted else None)
        number = len(member.groups)
        assert len(costs.calls) <= 2 + 2 * number, "each call gets past one group at least"
        assert costs.rows <= 2 * number * number


def _index(storage: Storage, principal: str) -> list[str]:
    rows = storage.account.access.query_entities("PartitionKey eq @principal", parameters={"principal": principal})
    return [row["RowKey"] for row in rows]


async def test_a_revoked_grant_leaves_nothing_and_a_recent_one_until_the_next_list(
    context: Context, storage: Storage
) -> None:
    for whole in (False, True):
        principal = caller()
        key = GrantKey(str(uuid4()), None if whole else str(uuid4()), principal.object_id)
        with Clock().installed() as clock:
            await put_grant(context, Grant(key, Role.OWNER), ALWAYS)
            await delete_grant(context, key, ALWAYS)
            assert len(_index(storage, key.principal_id)) == 1, "another put may have written this row"

            clock.ahead += PUT_TAKES_AT_MOST
            assert (await list_resources(context, principal, after=None, size=5)).resources == []
            assert _index(storage, key.principal_id) == []

            await put_grant(context, Grant(key, Role.OWNER), ALWAYS)
            clock.ahead += PUT_TAKES_AT_MOST
            await delete_grant(context, key, ALWAYS)
            assert _index(storage, key.principal_id) == []


async def test_a_removed_description_leaves_nothing(context: Context, storage: Storage) -> None:
    key = new_resource()
    with Clock().installed() as clock:
        await put_resource(context, key, ResourceDescription("Doors"), ALWAYS)
        clock.ahead += PUT_TAKES_AT_MOST
        await delete_resource(context, key, ALWAYS)
        assert "_".join(key) not in _index(storage, TENANT)

        await context.storage.access.put(TENANT, *key)
        clock.ahead += PUT_TAKES_AT_MOST
        before = f"{key.catalog_id}_"
        await list_resources(context, caller(permissions=[READ_ALL]), after=before, size=1)
        assert "_".join(key) not in _index(storage, TENANT)


async def test_a_row_that_was_written_again_is_not_removed(context: Context, storage: Storage) -> None:
    """Between reading a row that points to nothing and removing it, the grant is put."""
    key = GrantKey(str(uuid4()), str(uuid4()), str(uuid4()))
    access = context.storage.access
    with Clock().installed() as clock:
        await access.put(key.principal_id, key.catalog_id, key.resource_id)
        clock.ahead += PUT_TAKES_AT_MOST
        (found,) = [entry async for entry in access.entries(key.principal_id)]
        await put_grant(context, Grant(key, Role.OWNER), ALWAYS)
        clock.ahead += PUT_TAKES_AT_MOST

        await access.remove(key.principal_id, [found])

        assert len(_index(storage, key.principal_id)) == 1
        assert storage.broken(key.catalog_id, str(key.resource_id)) == []
        (entry,) = [entry async for entry in access.entries(key.principal_id)]
        await access.remove(key.principal_id, [entry])
        await access.remove(key.principal_id, [entry])
        assert _index(storage, key.principal_id) == []


@pytest.mark.parametrize("kind", ["resources", "one catalog", "catalogs"])
async def test_a_list_ends_early_among_revoked_grants_and_gets_cheap(
    context: Context, storage: Storage, costs: Costs, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As rows of an earlier version are: they do not say when they were written."""
    monkeypatch.setattr(visible, "MOST_IN_VAIN", 20)
    owner = caller()
    catalog = str(uuid4())
    keys = {
        "resources": ["_".join(new_resource()) for _ in range(100)],
        "one catalog": [f"{catalog}_{uuid4()}" for _ in range(100)],
        "catalogs": [str(uuid4()) for _ in range(100)],
    }[kind]
    insert(storage.account.access, ({"PartitionKey": owner.object_id, "RowKey": key} for key in keys))
    granted = ResourceKey("ffffffff" + catalog[8:], str(uuid4()))
    await put_grant(context, Grant(GrantKey(*granted, owner.object_id), Role.OWNER), ALWAYS)

    found, after, most = [], None, 0
    while True:
        costs.clear()
        page = await list_resources(context, owner, after=after, size=1)
        most = max(most, len(costs.calls))
        found += page.resources
        after = page.next_key
        if after is None:
            break
    costs.clear()
    again = await list_resources(context, owner, after=None, size=1)

    assert [each.key for each in found] == [each.key for each in again.resources] == [granted]
    # The index; for each row its grant, perhaps a description; and the removal.
    assert most <= 2 + 2 * (20 + 2 * 16)
    assert (len(costs.calls), costs.rows) == (3, 2)


async def test_pages_of_both_ways_are_whole(
    context: Context, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of the tenant with grants, rows in vain in both partitions, and pages that end early."""
    monkeypatch.setattr(visible, "MOST_IN_VAIN", 2)
    monkeypatch.setattr(visible, "_CALLS_AT_ONCE", 3)
    reader = caller(permissions=[READ_ALL])
    rng = random.Random(2)  # the same case each time
    catalogs = sorted(str(uuid4()) for _ in range(5))
    expected: dict[ResourceKey, Role | None] = {}
    with Clock().installed() as clock:
        for _ in range(40):
            key = ResourceKey(rng.choice(catalogs), str(uuid4()))
            kind = rng.choice(["named", "granted", "both", "vain", "vain"])
            if kind == "vain":
                await context.storage.access.put(rng.choice([TENANT, reader.object_id]), *key)
                continue
            if kind != "granted":
                await put_resource(context, key, ResourceDescription(key.resource_id), ALWAYS)
            if kind != "named":
                await put_grant(context, Grant(GrantKey(*key, reader.object_id), Role.OWNER), ALWAYS)
            expected[key] = None if kind == "named" else Role.OWNER
        for size in (1, 3, 50):
            found: dict[ResourceKey, Role | None] = {}
            after: str | None = f"{catalogs[0]}_"
            while after is not None:
                page = await list_resources(context, reader, after=after, size=size)
                assert len(page.resources) <= size
                found |= {each.key: each.role for each in page.resources}
                after = page.next_key
            assert {key: role for key, role in found.items() if key.catalog_id in catalogs} == expected
            clock.ahead += PUT_TAKES_AT_MOST
    assert storage.broken(catalogs[0], str(uuid4())) == []
