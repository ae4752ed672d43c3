"""Applications by name: reads, stores and removes the description of a resource."""

import asyncio

from shared.core.errors import RESOURCE_NOT_FOUND, GraphError
from shared.core.optional import briefly
from shared.domain.audit import Activity, new_record
from shared.domain.etags import Conditions
from shared.domain.resources import Application, ResourceDescription
from shared.domain.sessions import ResourceKey
from shared.services.changes import change
from shared.services.context import Context
from shared.storage.indexes.access import TENANT, Entry


async def get_resource(context: Context, key: ResourceKey) -> Application:
    """A resource that has a description.

    Raises:
        GraphError: 404.
    """
    application = await context.storage.descriptions.application(key)
    if application.description is None:
        raise GraphError(
            RESOURCE_NOT_FOUND,
            "This resource has no description. A caller with write permission for the whole tenant can add one with "
            "PUT.",
        )
    return application


async def put_resource(
    context: Context, key: ResourceKey, description: ResourceDescription, conditions: Conditions
) -> Application:
    """Describe a resource, which replaces what was said before; returns what is stored.

    Raises:
        GraphError: 412; 404 if it was removed again before its answer could be read.
    """
    stored = context.storage
    record = new_record(Activity.PUT_RESOURCE, key, context.actor, displayName=description.display_name)

    async def attempt() -> Application:
        present = await stored.descriptions.application(key)
        conditions.check(present.etag if present.description else None)
        # In this order a crash leaves no description without its row in the index, and putting it again restores one.
        await stored.access.put(TENANT, key.catalog_id, key.resource_id)
        return await stored.descriptions.put(key, present._replace(description=description), record)

    return await change(context, attempt) or await get_resource(context, key)


async def delete_resource(context: Context, key: ResourceKey, conditions: Conditions) -> None:
    """Remove the description of a resource, and its row in the index. What is declared of its files stays.

    Raises:
        GraphError: 404, 412.
    """
    record, access = new_record(Activity.DELETE_RESOURCE, key, context.actor), context.storage.access

    async def attempt() -> Entry | None:
        entry, present = await asyncio.gather(access.get(TENANT, *key), get_resource(context, key))
        conditions.check(present.etag)
        await context.storage.descriptions.put(key, present._replace(description=None), record)
        return entry

    entry = await change(context, attempt)
    if entry is not None:
        await briefly(access.remove(TENANT, [entry]), "a row of a removed description is left to the next list")
