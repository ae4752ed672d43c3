"""How the files of a resource become rows: reads, stores and removes what is declared."""

from shared.access_data.steps.declaration import Declaration
from shared.core.errors import IMPORT_NOT_FOUND, INVALID_REQUEST, GraphError
from shared.domain.audit import Activity, new_record
from shared.domain.etags import Conditions
from shared.domain.resources import Application
from shared.domain.sessions import ResourceKey
from shared.services.changes import change
from shared.services.context import Context


async def get_import(context: Context, key: ResourceKey) -> Application:
    """A resource whose files are declared.

    Raises:
        GraphError: 404.
    """
    application = await context.storage.descriptions.application(key)
    if application.declaration is None:
        raise GraphError(
            IMPORT_NOT_FOUND,
            "Nothing is declared for the files of this resource: they must have Graph's own columns. PUT declares "
            "other columns.",
        )
    return application


async def put_import(
    context: Context, key: ResourceKey, declaration: Declaration, conditions: Conditions
) -> Application:
    """Declare how the files of a resource become rows, which replaces what was declared; returns what is stored.

    It holds for uploads that begin afterwards.

    Raises:
        GraphError: 400 where the settings allow no declarations; 412; 404 if it was removed again before its answer
            could be read.
    """
    if not context.settings.convert:
        raise GraphError(
            INVALID_REQUEST,
            "This service takes files in Graph's own form only (UPLOADS_CONVERT is false), so that nothing can be "
            "declared.",
        )
    matched = len(declaration.principals.match_by) if declaration.principals else 0
    record = new_record(
        Activity.PUT_IMPORT,
        key,
        context.actor,
        columns=len(declaration.columns),
        constants=len(declaration.constants),
        encoding=declaration.encoding,
        matchBy=matched,
    )

    async def attempt() -> Application:
        present = await context.storage.descriptions.application(key)
        conditions.check(present.etag if present.declaration else None)
        return await context.storage.descriptions.put(key, present._replace(declaration=declaration), record)

    return await change(context, attempt) or await get_import(context, key)


async def delete_import(context: Context, key: ResourceKey, conditions: Conditions) -> None:
    """Remove what is declared for the files of a resource. Files that were uploaded stay as they are.

    Raises:
        GraphError: 404, 412.
    """
    record = new_record(Activity.DELETE_IMPORT, key, context.actor)

    async def attempt() -> None:
        present = await get_import(context, key)
        conditions.check(present.etag)
        await context.storage.descriptions.put(key, present._replace(declaration=None), record)

    await change(context, attempt)
