"""Lists the resources that a caller may see: all that have a name, those that grants give, or both."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from shared.core.optional import briefly
from shared.domain.callers import Caller, GrantKey, Need, Role, strongest
from shared.domain.resources import VisibleResource
from shared.domain.sessions import ResourceKey
from shared.services.context import Context
from shared.storage.azure.table import first_rows
from shared.storage.indexes.access import TENANT, Entry

# Calls of one request at the same time.
_CALLS_AT_ONCE = 16

# Rows of the index that a page looks at to no avail, since they point to nothing, before it ends early.
MOST_IN_VAIN = 50

_LAST_GUID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class ResourcePage(NamedTuple):
    """Resources in the order of their keys; ``next_key`` is where the next page begins, if there may be one."""

    resources: list[VisibleResource]
    next_key: str | None


class _Part(NamedTuple):
    """The resources up to the key ``end`` that one way shows, in the order of their keys; ``None`` for all."""

    resources: list[VisibleResource]
    end: str | None


class _Indexed(NamedTuple):
    """A row of the index: perhaps a grant of a principal, or a description if the principal is ``TENANT``."""

    principal: str
    entry: Entry


# By catalog and resource; the resource is ``None`` for a whole catalog.
_Grants = Mapping[tuple[str, str | None], Sequence[_Indexed]]


async def list_resources(context: Context, caller: Caller, *, after: str | None, size: int) -> ResourcePage:
    """A page of what a caller may see, in the order of keys, starting after the key ``after``.

    A caller who may read the whole tenant sees the roles of grants, too. A page ends early when it has met
    ``MOST_IN_VAIN`` rows of the index that point to nothing, which it removes.
    """
    ways = [_named(context, after or "", size)] if caller.may(Need.READ) else []
    if not caller.may(Need.WRITE):
        ways.append(_granted(context, caller.principals, after or "", size))
    parts = await asyncio.gather(*ways)
    end = min((part.end for part in parts if part.end is not None), default=None)
    found = {each.key: each for part in parts for each in part.resources}
    every = sorted((each for each in found.values() if end is None or _text(each.key) <= end), key=_of)
    page = every[:size]
    return ResourcePage(page, _of(page[-1]) if len(every) > size else end)


async def _named(context: Context, after: str, size: int) -> _Part:
    """Resources that have a description: one query for each catalog in ``size`` and one more rows of the index."""
    rows = context.storage.access.entries(TENANT, after=after)
    found: list[VisibleResource] = []
    in_vain: list[_Indexed] = []
    number, end = size + 1, None
    while entries := await first_rows(rows, number):
        last = {entry.catalog_id: entry.resource_id or "" for entry in entries}
        ranges = [(catalog, _within(catalog, after), last[catalog]) for catalog in last]
        parts = await _each(
            lambda each: context.storage.descriptions.of_catalog(each[0], after=each[1], last=each[2]), ranges
        )
        described = {key: text for part in parts for key, text in part.items()}
        found += [VisibleResource(key, text, None) for key, text in described.items()]
        in_vain += [
            _Indexed(TENANT, entry)
            for entry in entries
            if ResourceKey(entry.catalog_id, entry.resource_id or "") not in described
        ]
        after, number = entries[-1].key, 2 * number
        if len(found) > size or len(in_vain) > MOST_IN_VAIN:
            end = after
            break
    await _forget(context, in_vain)
    return _Part(found, end)


async def _granted(context: Context, principals: Collection[str], after: str, size: int) -> _Part:
    """What grants give: the resources of direct grants, and the described ones of granted catalogs."""
    grants, end = _first_catalogs(await _indexed_grants(context, principals), after, size + MOST_IN_VAIN)
    in_vain: list[_Indexed] = []

    async def role(place: Sequence[_Indexed]) -> Role | None:
        """The strongest role that grants of the same place give; ``None`` if all of them were revoked."""
        stored = await asyncio.gather(*(context.storage.grants.get(_key(each)) for each in place))
        in_vain.extend(each for each, grant in zip(place, stored, strict=True) if grant is None)
        return strongest([grant.role for grant in stored if grant is not None])

    catalogs = [catalog for catalog, resource in grants if resource is None]
    of_catalogs = await _each(lambda catalog: role(grants[catalog, None]), catalogs)
    roles = {catalog: each for catalog, each in zip(catalogs, of_catalogs, strict=True) if each is not None}
    parts = await _each(
        lambda catalog: context.storage.descriptions.of_catalog(
            catalog, after=_within(catalog, after), at_most=size + 1
        ),
        roles,
    )
    described = {key: text for part in parts for key, text in part.items()}

    async def look(key: ResourceKey) -> VisibleResource | None:
        own = grants.get((key.catalog_id, key.resource_id), ())
        if not own:
            return VisibleResource(key, described[key], roles[key.catalog_id])
        description, direct = await asyncio.gather(context.storage.descriptions.get(key), role(own))
        best = strongest((direct, roles.get(key.catalog_id)))
        return None if best is None else VisibleResource(key, description, best)

    directly = {ResourceKey(catalog, resource) for catalog, resource in grants if resource is not None}
    keys = sorted((key for key in directly | described.keys() if _text(key) > after), key=_text)
    found: list[VisibleResource] = []
    for start in range(0, len(keys), _CALLS_AT_ONCE):
        part = keys[start : start + _CALLS_AT_ONCE]
        found += [each for each in await _each(look, part) if each is not None]
        if len(found) > size or len(in_vain) > MOST_IN_VAIN:
            end = _text(part[-1])
            break
    await _forget(context, in_vain)
    return _Part(found, end)


async def _indexed_grants(context: Context, principals: Collection[str]) -> _Grants:
    """The grants of some principals by the index, in which revoked ones may be left."""

    async def of_principal(principal: str) -> list[_Indexed]:
        return [_Indexed(principal, entry) async for entry in context.storage.access.entries(principal)]

    grants: dict[tuple[str, str | None], list[_Indexed]] = defaultdict(list)
    for of_one in await _each(of_principal, sorted(principals)):
        for each in of_one:
            grants[each.entry.catalog_id, each.entry.resource_id].append(each)
    return grants


def _first_catalogs(grants: _Grants, after: str, number: int) -> tuple[_Grants, str | None]:
    """The grants of the first catalogs that are not before the key ``after``, and the last key that they can give.

    Each catalog is whole, and they have ``number`` grants or a few more; the key is ``None`` if these are all.
    """
    of_catalogs: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for place in grants:
        of_catalogs[place[0]].append(place)
    taken: dict[tuple[str, str | None], Sequence[_Indexed]] = {}
    for catalog in sorted(of_catalogs):
        if f"{catalog}_{_LAST_GUID}" <= after:
            continue
        if len(taken) >= number:
            return taken, f"{max(each for each, _ in taken)}_{_LAST_GUID}"
        taken |= {place: grants[place] for place in of_catalogs[catalog]}
    return taken, None


async def _forget(context: Context, in_vain: Sequence[_Indexed]) -> None:
    """Remove rows of the index that were found to point to nothing, so that the next page does not meet them."""
    of_principals: dict[str, list[Entry]] = defaultdict(list)
    for principal, entry in in_vain:
        of_principals[principal].append(entry)
    if of_principals:
        removals = _each(lambda each: context.storage.access.remove(*each), of_principals.items())
        await briefly(removals, "rows of revoked grants or removed descriptions are left to the next list")


def _key(indexed: _Indexed) -> GrantKey:
    return GrantKey(indexed.entry.catalog_id, indexed.entry.resource_id, indexed.principal)


async def _each(call: Callable[[Thing], Awaitable[Result]], things: Iterable[Thing]) -> list[Result]:
    """The results of a call for each thing, in their order, a limited number at the same time."""
    limit = asyncio.Semaphore(_CALLS_AT_ONCE)

    async def limited(thing: Thing) -> Result:
        async with limit:
            return await call(thing)

    return await asyncio.gather(*map(limited, things))


def _text(key: ResourceKey) -> str:
    """A key as text, by which a list is ordered."""
    return f"{key.catalog_id}_{key.resource_id}"


def _of(resource: VisibleResource) -> str:
    return _text(resource.key)


def _within(catalog_id: str, after: str) -> str:
    """Where a list after a key starts within a catalog: after a resource, or at the beginning."""
    catalog, _, resource = after.partition("_")
    return resource if catalog == catalog_id else ""
