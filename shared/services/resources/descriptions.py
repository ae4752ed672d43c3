"""Applications by name: reads, stores and removes the description of a resource."""

from shared.core.errors import RESOURCE_NOT_FOUND, GraphError
from shared.domain.audit import Activity, new_record
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey
from shared.services.changes import change
from shared.services.context import Context
from shared.storage.indexes.access import TENANT


async def get_resource(context: Context, key: ResourceKey) -> ResourceDescription:
    """The description of a resource.

    Raises:
        GraphError: 404.
    """
    description = await context.storage.descriptions.get(key)
    if description is None:
        raise GraphError(
            RESOURCE_NOT_FOUND,
            "This resource has no description. A caller with write permission for the whole tenant can add one with "
            "PUT.",
        )
    return description


async def put_resource(context: Context, key: ResourceKey, description: ResourceDescription) -> None:
    """Describe a resource; it replaces what was said before."""
    stored = context.storage
    record = new_record(Activity.PUT_RESOURCE, key, context.actor, displayName=description.display_name)
    # In this order a crash leaves no description without its row in the index.
    await stored.access.put(TENANT, key.catalog_id, key.resource_id)
    await change(context, lambda: stored.descriptions.put(key, description, record))


async def delete_resource(context: Context, key: ResourceKey) -> None:
    """Remove the description of a resource. Its sessions and grants stay.

    Raises:
        GraphError: 404.
    """
    record = new_record(Activity.DELETE_RESOURCE, key, context.actor)

    async def attempt() -> None:
        await get_resource(context, key)
        await context.storage.descriptions.delete(key, record)

    await change(context, attempt)
