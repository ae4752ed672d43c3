"""Grants, each with its row in the index of what a principal may see."""

from shared.domain.audit import Activity, Actor, new_record
from shared.domain.callers import Grant, GrantKey
from shared.storage.account import storage


async def put_grant(grant: Grant, actor: Actor) -> None:
    """Give a principal a role; it replaces the one that the principal has there."""
    key = grant.key
    store = await storage()
    record = new_record(Activity.PUT_GRANT, key, actor, principalId=key.principal_id, role=grant.role.value)
    # Before, so that a crash leaves no grant without its row; and again afterwards, since a deletion of the grant that
    # ran at the same time may have removed the row between the two.
    await store.access.put(key.principal_id, key.catalog_id, key.resource_id)
    await store.grants.put(grant, record)
    await store.access.put(key.principal_id, key.catalog_id, key.resource_id)


async def delete_grant(key: GrantKey, actor: Actor) -> bool:
    """Revoke a grant; whether there was one."""
    store = await storage()
    record = new_record(Activity.DELETE_GRANT, key, actor, principalId=key.principal_id)
    deleted = await store.grants.delete(key, record)
    # Also when there was none: an earlier attempt may have ended between the two.
    await store.access.delete(key.principal_id, key.catalog_id, key.resource_id)
    return deleted
