"""Applications: describe a resource of a catalog, declare what its files are like, and list what a caller may see."""

import asyncio
import re

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Caller, Need, Right
from shared.domain.resources import Application
from shared.domain.sessions import ResourceKey
from shared.models.requests import IMPORT_BODY, RESOURCE_BODY, parse_import, parse_resource
from shared.models.responses import DeclaredEntity, ResourceCollection, ResourceEntity, TriedFile
from shared.models.serializers import declared_json, resource_json, visible_resource_json
from shared.models.upload_form import TRIED_BODY
from shared.query.capabilities import RESOURCE as RESOURCE_LIST
from shared.query.options import Query
from shared.services.resources import declarations, descriptions, grants, visible
from shared.services.resources.asked import MOST_RESOURCES, sessions_asked_for
from shared.services.uploads import checking
from shared.web.content_coding import GZIP
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.limits import dry_run_limit
from shared.web.request import actor, conditions, context, parse_options, resource_key
from shared.web.request_body import read_json, streamed_body
from shared.web.response import checked_json, collection_response, json_response, session_body
from shared.web.routes import UPLOADS_PREFIXES
from shared.web.urls import metadata_url, page_annotations

blueprint = func.Blueprint()

RESOURCE = "resources/{catalogId}/{resourceId}"
IMPORT = f"{RESOURCE}/import"

PUT = Contract(ResourceEntity, body=RESOURCE_BODY, conditional=True, need=Need.WRITE_TENANT)
LIST = Contract(
    ResourceCollection, options=("$top", "$skiptoken", "$expand"), capabilities=RESOURCE_LIST, need=Need.IDENTITY
)
DELETE = Contract(status=204, media_type=None, conditional=True, need=Need.WRITE_TENANT)

TRY = Contract(TriedFile, body=TRIED_BODY, content_codings=(GZIP,))
PUT_IMPORT = Contract(DeclaredEntity, body=IMPORT_BODY, conditional=True, need=Need.DECLARE)
DELETE_IMPORT = Contract(status=204, media_type=None, conditional=True, need=Need.DECLARE)

_PAGE_TOKEN = re.compile(r"[0-9a-f-]{36}_[0-9a-f-]{36}", re.ASCII)


@operation(blueprint, "PUT", RESOURCE, PUT, prefixes=UPLOADS_PREFIXES)
async def put_resource(req: Request) -> Response:
    """Describe a resource: 200 with the description, which replaces the one that is there."""
    key = resource_key(req)
    parse_options(req)
    description = parse_resource(await read_json(req))
    stored = await descriptions.put_resource(context(req), key, description, conditions(req))
    return _description_response(req, key, stored, await grants.right(context(req), key))


@operation(blueprint, "GET", RESOURCE, Contract(ResourceEntity), prefixes=UPLOADS_PREFIXES)
async def get_resource(req: Request) -> Response:
    """Read the description of a resource: 200; 404 if it has none."""
    key = resource_key(req)
    parse_options(req)
    here = context(req)
    application, right = await asyncio.gather(descriptions.get_resource(here, key), grants.right(here, key))
    return _description_response(req, key, application, right)


def _description_response(req: Request, key: ResourceKey, application: Application, right: Right) -> Response:
    body: ResourceEntity = {
        "@odata.context": metadata_url(req, "uploads/resources/$entity"),
        **resource_json(key, application.description),
        "@odata.etag": application.etag,
        "import": application.declaration and declared_json(application.declaration),
        "@uploads.right": right.name.lower(),
    }
    return json_response(body, headers=_tagged(application))


def _tagged(application: Application) -> dict[str, str]:
    return {"ETag": application.etag or ""}


@operation(blueprint, "GET", "resources", LIST, prefixes=UPLOADS_PREFIXES)
async def list_resources(req: Request) -> Response:
    """List the resources that the caller may see, with ``$expand=uploadSessions`` those that wait for files, too.

    200 with a page, and ``@odata.nextLink`` if there are more.
    """
    query = parse_options(req)
    position = query.position(_PAGE_TOKEN)
    caller = actor(req).caller
    assert caller is not None  # noqa: S101  # the wrapper has authenticated the request
    size = query.page_size if query.expanded is None else min(query.page_size, MOST_RESOURCES)
    page = await visible.list_resources(context(req), caller, after=position and position[0], size=size)
    items = [dict(visible_resource_json(each)) for each in page.resources]
    if query.expanded is not None:
        found = await sessions_asked_for(context(req), [each.key for each in page.resources])
        for item, sessions in zip(items, found, strict=True):
            item["uploadSessions"] = [session_body(req, session, Query(), ()) for session in sessions]
    annotations = page_annotations(req, query, metadata_url(req, "uploads/resources"), end=page.next_key)
    annotations["@uploads.permission"] = _permission(caller)
    return await collection_response(annotations, items)


def _permission(caller: Caller) -> str | None:
    """What the caller may do in the whole tenant, for a page that shows no more than that."""
    if caller.may(Need.WRITE_TENANT):
        return "readWrite"
    return "read" if caller.may(Need.READ_TENANT) else None


@operation(blueprint, "DELETE", RESOURCE, DELETE, prefixes=UPLOADS_PREFIXES)
async def delete_resource(req: Request) -> Response:
    """Remove the description of a resource: 204; 404 if it has none. Sessions and grants stay as they are."""
    key = resource_key(req)
    parse_options(req)
    await descriptions.delete_resource(context(req), key, conditions(req))
    return Response(status_code=204)


@operation(blueprint, "POST", f"{RESOURCE}/validateFile", TRY, prefixes=UPLOADS_PREFIXES)
async def try_file(req: Request) -> Response:
    """Validate a file without a session, and store nothing: 200 with its columns and first rows; 400 with findings."""
    async with streamed_body(req, dry_run_limit()) as body:
        key = resource_key(req)
        parse_options(req)
        received, first_rows = await checking.try_file(context(req), key, body, req.headers.get("content-type"))
    more = {"columns": list(received.report.columns), "firstRows": first_rows}
    return json_response(checked_json(received) | more)


@operation(blueprint, "PUT", IMPORT, PUT_IMPORT, prefixes=UPLOADS_PREFIXES)
async def put_import(req: Request) -> Response:
    """Declare how the files of a resource become rows: 200 with what is declared, which replaces what was."""
    key = resource_key(req)
    parse_options(req)
    declaration = parse_import(await read_json(req), context(req).settings.principal_types)
    return _import_response(req, await declarations.put_import(context(req), key, declaration, conditions(req)))


@operation(blueprint, "GET", IMPORT, Contract(DeclaredEntity), prefixes=UPLOADS_PREFIXES)
async def get_import(req: Request) -> Response:
    """Read what is declared for the files of a resource: 200; 404 if nothing is."""
    key = resource_key(req)
    parse_options(req)
    return _import_response(req, await declarations.get_import(context(req), key))


def _import_response(req: Request, application: Application) -> Response:
    assert application.declaration is not None  # noqa: S101  # the service has looked
    body: DeclaredEntity = {
        "@odata.context": metadata_url(req, "uploads/imports/$entity"),
        "@odata.etag": application.etag,
        **declared_json(application.declaration),
    }
    return json_response(body, headers=_tagged(application))


@operation(blueprint, "DELETE", IMPORT, DELETE_IMPORT, prefixes=UPLOADS_PREFIXES)
async def delete_import(req: Request) -> Response:
    """Remove what is declared for the files of a resource: 204; 404 if nothing is. What was uploaded stays."""
    key = resource_key(req)
    parse_options(req)
    await declarations.delete_import(context(req), key, conditions(req))
    return Response(status_code=204)
