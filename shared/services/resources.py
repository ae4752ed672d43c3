"""Applications by name: describe a resource, and list those that a caller may see."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from shared.core.errors import RESOURCE_NOT_FOUND, GraphError
from shared.domain.audit import Activity, Actor, new_record
from shared.domain.callers import Caller, Need
from shared.domain.lifecycle import ResourceKey
from shared.domain.resources import ResourceDescription, VisibleResource
from shared.storage.access_index import TENANT
from shared.storage.account import Storage, storage

# Point reads under way at the same time, for one request.
_READ_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class ResourcePage:
    """Resources in the order of their keys; ``next_key`` is the last one's if there are more."""

    resources: list[VisibleResource]
    next_key: str | None


async def get_resource(key: ResourceKey) -> ResourceDescription:
    """The description of a resource.

    Raises:
        GraphError: 404.
    """
    description = await (await storage()).resources.get(key)
    if description is None:
        raise resource_not_found()
    return description


async def put_resource(key: ResourceKey, description: ResourceDescription, actor: Actor) -> None:
    """Describe a resource; it replaces what was said before."""
    store = await storage()
    record = new_record(Activity.PUT_RESOURCE, key, actor, displayName=description.display_name)
    # In this order a crash leaves no description without its row in the index.
    await store.access.put(TENANT, key.catalog_id, key.resource_id)
    await store.resources.put(key, description, record)


async def delete_resource(key: ResourceKey, actor: Actor) -> None:
    """Remove the description of a resource. Its sessions and grants stay.

    Raises:
        GraphError: 404.
    """
    store = await storage()
    if not await store.resources.delete(key, new_record(Activity.DELETE_RESOURCE, key, actor)):
        raise resource_not_found()


async def list_resources(caller: Caller, *, after: str | None, size: int) -> ResourcePage:
    """A page of what a caller may see: all that is described, or what grants give, in the order of keys."""
    store = await storage()
    tenant_wide = caller.may(Need.READ)
    keys = _all_keys(store, after or "") if tenant_wide else _granted_keys(store, caller, after or "")
    found: list[VisibleResource] = []
    batch: list[ResourceKey] = []
    async for key in keys:
        batch.append(key)
        if len(batch) < _READ_AT_ONCE:
            continue
        found += await _visible(store, caller, batch, tenant_wide=tenant_wide)
        batch.clear()
        if len(found) > size:
            break
    found += await _visible(store, caller, batch, tenant_wide=tenant_wide)
    page = found[:size]
    return ResourcePage(page, page_key(page[-1].key) if len(found) > size else None)


def page_key(key: ResourceKey) -> str:
    """Where a resource stands in the order of a list."""
    return f"{key.catalog_id}_{key.resource_id}"


async def _all_keys(store: Storage, after: str) -> AsyncIterator[ResourceKey]:
    async for catalog_id, resource_id in store.access.entries(TENANT, after=after):
        if resource_id is not None:
            yield ResourceKey(catalog_id, resource_id)


async def _granted_keys(store: Storage, caller: Caller, after: str) -> AsyncIterator[ResourceKey]:
    """The resources that the index names for a caller, each once; those of a granted catalog are its described ones."""
    limit = asyncio.Semaphore(_READ_AT_ONCE)

    async def of_principal(principal: str) -> list[tuple[str, str | None]]:
        async with limit:
            return [entry async for entry in store.access.entries(principal)]

    indexed = await asyncio.gather(*map(of_principal, sorted(caller.principals)))
    entries = {entry for of_one in indexed for entry in of_one}
    own = [ResourceKey(catalog, resource) for catalog, resource in entries if resource is not None]
    catalogs = sorted(catalog for catalog, resource in entries if resource is None)
    described = [[key async for key, _ in store.resources.of_catalog(catalog)] for catalog in catalogs]
    for key in _merged([own, *described]):
        if page_key(key) > after:
            yield key


def _merged(groups: Iterable[list[ResourceKey]]) -> list[ResourceKey]:
    merged = heapq.merge(*(sorted(group, key=page_key) for group in groups), key=page_key)
    return list(dict.fromkeys(merged))


async def _visible(
    store: Storage, caller: Caller, keys: list[ResourceKey], *, tenant_wide: bool
) -> list[VisibleResource]:
    """Those of some resources that are there for a caller: the index may name more, never less."""

    async def look(key: ResourceKey) -> VisibleResource | None:
        if tenant_wide:
            description = await store.resources.get(key)
            return None if description is None else VisibleResource(key, description, None)
        description, role = await asyncio.gather(store.resources.get(key), store.grants.role(key, caller.principals))
        return None if role is None else VisibleResource(key, description, role)

    seen = await asyncio.gather(*map(look, keys))
    return [each for each in seen if each is not None]


def resource_not_found() -> GraphError:
    """The error for a resource that has no description."""
    return GraphError(
        RESOURCE_NOT_FOUND,
        "This resource has no name here. Someone who may write in the whole tenant can give it one with PUT.",
    )
