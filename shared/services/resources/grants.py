"""Grants, each with its row in the index of what a principal may see."""

import asyncio
from collections.abc import Sequence

from shared.core.errors import GRANT_NOT_FOUND, GraphError
from shared.core.optional import briefly
from shared.domain.audit import Activity, new_record
from shared.domain.callers import Grant, GrantKey, Need, Right
from shared.domain.etags import Conditions
from shared.domain.sessions import ResourceKey
from shared.services.changes import change
from shared.services.context import Context
from shared.storage.indexes.access import Entry


async def right(context: Context, resource: ResourceKey) -> Right:
    """The most that the caller may do with a resource that the caller may read."""
    caller = context.actor.caller
    assert caller is not None  # noqa: S101  # the wrapper has authenticated the request
    if caller.may(Need.DECLARE):
        return Right.DECLARE
    return await context.storage.grants.right(resource, caller, enough=Right.DECLARE) or Right.READ


async def list_grants(context: Context, catalog_id: str, *, after: str | None, size: int) -> Sequence[Grant]:
    """A catalog's grants, starting after the one at the position ``after``."""
    return await context.storage.grants.page(catalog_id, after=after, size=size)


async def put_grant(context: Context, grant: Grant, conditions: Conditions) -> Grant:
    """Give a principal a role, which replaces the one that the principal has there; returns the stored grant.

    Raises:
        GraphError: 412; 404 if it was revoked again before its answer could be read.
    """
    stored, key = context.storage, grant.key
    record = new_record(
        Activity.PUT_GRANT,
        key,
        context.actor,
        principalId=key.principal_id,
        role=grant.role.value,
        mayDeclare=grant.may_declare,
    )

    async def attempt() -> Grant:
        present = await stored.grants.get(key)
        conditions.check(present.etag if present else None)
        # In this order a crash leaves no grant without its row, and putting it again restores a row that is lost.
        await stored.access.put(key.principal_id, key.catalog_id, key.resource_id)
        return await stored.grants.put(grant, record, replaced=present.etag if present else None)

    return await change(context, attempt) or await _get_grant(context, key)


async def delete_grant(context: Context, key: GrantKey, conditions: Conditions) -> None:
    """Revoke a grant, and remove its row from the index.

    Raises:
        GraphError: 404, 412.
    """
    stored, place = context.storage, (key.principal_id, key.catalog_id, key.resource_id)
    record = new_record(Activity.DELETE_GRANT, key, context.actor, principalId=key.principal_id)

    async def attempt() -> Entry | None:
        entry, grant = await asyncio.gather(stored.access.get(*place), _get_grant(context, key))
        conditions.check(grant.etag)
        await stored.grants.delete(grant, record)
        return entry

    entry = await change(context, attempt)
    if entry is not None:
        await briefly(
            stored.access.remove(key.principal_id, [entry]), "the next list removes the row of a revoked grant"
        )


async def _get_grant(context: Context, key: GrantKey) -> Grant:
    grant = await context.storage.grants.get(key)
    if grant is None:
        raise GraphError(
            GRANT_NOT_FOUND,
            "This principal has no such grant. List the grants of the catalog to find the existing ones.",
        )
    return grant
