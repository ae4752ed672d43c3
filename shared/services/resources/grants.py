"""Grants, each with its row in the index of what a principal may see."""

from collections.abc import Sequence

from shared.core.errors import GRANT_NOT_FOUND, GraphError
from shared.domain.audit import Activity, new_record
from shared.domain.callers import Grant, GrantKey
from shared.services.changes import change
from shared.services.context import Context


async def list_grants(context: Context, catalog_id: str, *, after: str | None, size: int) -> Sequence[Grant]:
    """A catalog's grants, starting after the one at the position ``after``."""
    return await context.storage.grants.page(catalog_id, after=after, size=size)


async def put_grant(context: Context, grant: Grant) -> None:
    """Give a principal a role; it replaces the one that the principal has there."""
    stored, key = context.storage, grant.key
    record = new_record(Activity.PUT_GRANT, key, context.actor, principalId=key.principal_id, role=grant.role.value)
    # In this order a crash leaves no grant without its row.
    await stored.access.put(key.principal_id, key.catalog_id, key.resource_id)
    await change(context, lambda: stored.grants.put(grant, record))


async def delete_grant(context: Context, key: GrantKey) -> None:
    """Revoke a grant. Its row in the index stays, and points to nothing.

    Raises:
        GraphError: 404.
    """
    record = new_record(Activity.DELETE_GRANT, key, context.actor, principalId=key.principal_id)

    async def attempt() -> None:
        if await context.storage.grants.get(key) is None:
            raise GraphError(
                GRANT_NOT_FOUND,
                "This principal has no such grant. List the grants of the catalog to find the existing ones.",
            )
        await context.storage.grants.delete(key, record)

    await change(context, attempt)
