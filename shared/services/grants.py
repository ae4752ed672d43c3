"""Grants, each with its row in the index of what a principal may see."""

from shared.domain.audit import Activity, Actor, new_record
from shared.domain.callers import Grant, GrantKey
from shared.storage.account import storage


async def put_grant(grant: Grant, actor: Actor) -> None:
    """Give a principal a role; it replaces the one that the principal has there."""
    key = grant.key
    store = storage()
    record = new_record(Activity.PUT_GRANT, key, actor, principalId=key.principal_id, role=grant.role.value)
    # In this order a crash leaves no grant without its row.
    await store.access.put(key.principal_id, key.catalog_id, key.resource_id)
    await store.grants.put(grant, record)


async def delete_grant(key: GrantKey, actor: Actor) -> bool:
    """Revoke a grant; whether there was one. Its row in the index stays, and points to nothing."""
    record = new_record(Activity.DELETE_GRANT, key, actor, principalId=key.principal_id)
    return await storage().grants.delete(key, record)
