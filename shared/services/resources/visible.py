"""Lists the resources that a caller may see: all that have a name, or those that grants give."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from typing import NamedTuple, TypeVar

from shared.domain.callers import Caller, GrantKey, Need, Role, strongest
from shared.domain.resources import ResourceDescription, VisibleResource
from shared.domain.sessions import ResourceKey
from shared.services.context import Context
from shared.storage.indexes.access import TENANT

# Calls of one request at the same time.
_CALLS_AT_ONCE = 16

# By catalog and resource; the resource is ``None`` for a whole catalog.
Grants = dict[tuple[str, str | None], list[GrantKey]]

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class ResourcePage(NamedTuple):
    """Resources in the order of their keys; ``next_key`` is that of the last one if there are more."""

    resources: list[VisibleResource]
    next_key: str | None


async def list_resources(context: Context, caller: Caller, *, after: str | None, size: int) -> ResourcePage:
    """A page of what a caller may see, in the order of keys, starting after the key ``after``."""
    if caller.may(Need.READ):
        parts = _named(context, after or "", size + 1)
    else:
        parts = _granted(context, caller.principals, after or "", size + 1)
    found: list[VisibleResource] = []
    async for part in parts:
        found += part
        if len(found) > size:
            break
    page = found[:size]
    return ResourcePage(page, _text(page[-1].key) if len(found) > size else None)


async def _named(context: Context, after: str, count: int) -> AsyncIterator[list[VisibleResource]]:
    """All resources that have a description, in parts: one query for each catalog in ``count`` rows of the index."""
    rows = context.storage.access.entries(TENANT, after=after)
    while part := await _next(rows, count):
        last = {catalog: resource or "" for catalog, resource in part}
        ranges = [(catalog, _within(catalog, after), last[catalog]) for catalog in last]
        found = await _each(
            lambda each: context.storage.descriptions.of_catalog(each[0], after=each[1], last=each[2]), ranges
        )
        yield [VisibleResource(key, text, None) for of_one in found for key, text in of_one.items()]
        after = "{}_{}".format(*part[-1])


async def _granted(
    context: Context, principals: Collection[str], after: str, count: int
) -> AsyncIterator[list[VisibleResource]]:
    """What grants give, in parts: the resources of direct grants, and the described ones of granted catalogs."""
    grants = await _indexed_grants(context, principals)
    roles = await _catalog_roles(context, grants, after)
    described: dict[ResourceKey, ResourceDescription] = {}
    for part in await _each(
        lambda catalog: context.storage.descriptions.of_catalog(catalog, after=_within(catalog, after), at_most=count),
        roles,
    ):
        described |= part

    async def look(key: ResourceKey) -> VisibleResource | None:
        own = grants.get((key.catalog_id, key.resource_id), [])
        if not own:
            return VisibleResource(key, described[key], roles[key.catalog_id])
        description, role = await asyncio.gather(context.storage.descriptions.get(key), _role(context, own))
        best = strongest((role, roles.get(key.catalog_id)))
        return None if best is None else VisibleResource(key, description, best)

    direct = {ResourceKey(catalog, resource) for catalog, resource in grants if resource is not None}
    keys = sorted((key for key in direct | described.keys() if _text(key) > after), key=_text)
    for start in range(0, len(keys), _CALLS_AT_ONCE):
        seen = await _each(look, keys[start : start + _CALLS_AT_ONCE])
        yield [each for each in seen if each is not None]


async def _indexed_grants(context: Context, principals: Collection[str]) -> Grants:
    """The grants of some principals by the index, in which revoked ones may be left."""

    async def of_principal(principal: str) -> list[GrantKey]:
        return [GrantKey(*place, principal) async for place in context.storage.access.entries(principal)]

    grants: Grants = defaultdict(list)
    for of_one in await _each(of_principal, sorted(principals)):
        for grant in of_one:
            grants[grant.catalog_id, grant.resource_id].append(grant)
    return grants


async def _catalog_roles(context: Context, grants: Grants, after: str) -> dict[str, Role]:
    """The roles on whole catalogs, of those that are not before the key ``after``."""
    catalogs = [catalog for catalog, resource in grants if resource is None and f"{catalog}_~" > after]
    roles = await _each(lambda catalog: _role(context, grants[catalog, None]), catalogs)
    return {catalog: role for catalog, role in zip(catalogs, roles, strict=True) if role is not None}


async def _role(context: Context, grants: Collection[GrantKey]) -> Role | None:
    """The strongest role that grants of the same place give; ``None`` if all of them were revoked."""
    return strongest(await asyncio.gather(*map(context.storage.grants.get, grants)))


async def _each(call: Callable[[Thing], Awaitable[Result]], things: Iterable[Thing]) -> list[Result]:
    """The results of a call for each thing, in their order, a limited number at the same time."""
    limit = asyncio.Semaphore(_CALLS_AT_ONCE)

    async def limited(thing: Thing) -> Result:
        async with limit:
            return await call(thing)

    return await asyncio.gather(*map(limited, things))


async def _next(rows: AsyncIterator[Thing], count: int) -> list[Thing]:
    """The next rows, up to a number; none if there are no more."""
    taken: list[Thing] = []
    async for row in rows:
        taken.append(row)
        if len(taken) == count:
            break
    return taken


def _text(key: ResourceKey) -> str:
    """A key as text, by which a list is ordered."""
    return f"{key.catalog_id}_{key.resource_id}"


def _within(catalog_id: str, after: str) -> str:
    """Where a list after a key starts within a catalog: after a resource, or at the beginning."""
    catalog, _, resource = after.partition("_")
    return resource if catalog == catalog_id else ""
