"""Applications by name: reads, stores and removes the description of a resource."""

from shared.core.errors import RESOURCE_NOT_FOUND, GraphError
from shared.domain.audit import Activity, Actor, new_record
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey
from shared.storage.access_index import TENANT
from shared.storage.account import storage


async def get_resource(key: ResourceKey) -> ResourceDescription:
    """The description of a resource.

    Raises:
        GraphError: 404.
    """
    description = await storage().resources.get(key)
    if description is None:
        raise resource_not_found()
    return description


async def put_resource(key: ResourceKey, description: ResourceDescription, actor: Actor) -> None:
    """Describe a resource; it replaces what was said before."""
    store = storage()
    record = new_record(Activity.PUT_RESOURCE, key, actor, displayName=description.display_name)
    # In this order a crash leaves no description without its row in the index.
    await store.access.put(TENANT, key.catalog_id, key.resource_id)
    await store.resources.put(key, description, record)


async def delete_resource(key: ResourceKey, actor: Actor) -> None:
    """Remove the description of a resource. Its sessions and grants stay.

    Raises:
        GraphError: 404.
    """
    store = storage()
    if not await store.resources.delete(key, new_record(Activity.DELETE_RESOURCE, key, actor)):
        raise resource_not_found()


def resource_not_found() -> GraphError:
    """The error for a resource that has no description."""
    return GraphError(
        RESOURCE_NOT_FOUND,
        "This resource has no description. A caller with write permission for the whole tenant can add one with PUT.",
    )
