"""GET uploads/resources: the resources that the caller may see, by name."""

import re

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import READ_ALL, READ_WRITE_ALL, Caller, Need
from shared.models.responses import ResourceCollection
from shared.models.serializers import visible_resource_json
from shared.services.resources import visible
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import actor, context, parse_options
from shared.web.response import collection_response
from shared.web.routes import RESOURCES, UPLOADS_PREFIXES
from shared.web.urls import metadata_url, page_annotations

blueprint = func.Blueprint()

CONTRACT = Contract(ResourceCollection, options=("$top", "$skiptoken"), need=Need.IDENTITY)

_PAGE_TOKEN = re.compile(r"[0-9a-f-]{36}_[0-9a-f-]{36}", re.ASCII)


@operation(blueprint, "GET", RESOURCES, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def list_resources(req: Request) -> Response:
    """List the resources that the caller may see: 200 with a page, and ``@odata.nextLink`` if there are more."""
    query = parse_options(req)
    position = query.position(_PAGE_TOKEN)
    caller = actor(req).caller
    assert caller is not None  # noqa: S101  # the wrapper has authenticated the request
    page = await visible.list_resources(context(req), caller, after=position and position[0], size=query.page_size)
    annotations = page_annotations(req, query, metadata_url(req, "uploads/resources"), end=page.next_key)
    annotations["@uploads.permission"] = _permission(caller)
    return await collection_response(annotations, map(visible_resource_json, page.resources))


def _permission(caller: Caller) -> str | None:
    """What the caller may do in the whole tenant, for a page that shows no more than that."""
    if READ_WRITE_ALL in caller.permissions:
        return "readWrite"
    return "read" if READ_ALL in caller.permissions else None
