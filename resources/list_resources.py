"""GET uploads/resources: the resources that the caller may see, by name."""

import re

import azure.functions as func
from fastapi import Request, Response

from shared.core.errors import invalid_option
from shared.domain.callers import READ_ALL, READ_WRITE_ALL, Caller, Need
from shared.models.responses import ResourceCollection
from shared.models.serializers import visible_resource_json
from shared.services.resources import visible
from shared.services.sessions.listing import DEFAULT_PAGE
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import actor, context, parse_options
from shared.web.response import json_response
from shared.web.routes import RESOURCES, UPLOADS_PREFIXES
from shared.web.urls import metadata_url, next_link

blueprint = func.Blueprint()

CONTRACT = Contract(ResourceCollection, options=("$top", "$skiptoken"), need=Need.IDENTITY)

_PAGE_TOKEN = re.compile(r"[0-9a-f-]{36}_[0-9a-f-]{36}", re.ASCII)


@operation(blueprint, "GET", RESOURCES, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def list_resources(req: Request) -> Response:
    """List the resources that the caller may see: 200 with a page, and ``@odata.nextLink`` if there are more."""
    query = parse_options(req)
    if query.skip_token is not None and not _PAGE_TOKEN.fullmatch(query.skip_token):
        raise invalid_option("$skiptoken", "follow @odata.nextLink as it was given")
    caller = actor(req).caller
    assert caller is not None  # noqa: S101  # the wrapper has authenticated the request
    page = await visible.list_resources(context(req), caller, after=query.skip_token, size=query.top or DEFAULT_PAGE)
    body: dict[str, object] = {
        "@odata.context": metadata_url(req, "uploads/resources"),
        "@uploads.permission": _permission(caller),
        "value": [visible_resource_json(resource) for resource in page.resources],
    }
    if page.next_key is not None:
        body["@odata.nextLink"] = next_link(req, query, "$skiptoken", page.next_key)
    return json_response(body)


def _permission(caller: Caller) -> str | None:
    """What the caller may do in the whole tenant, for a page that shows no more than that."""
    if READ_WRITE_ALL in caller.permissions:
        return "readWrite"
    return "read" if READ_ALL in caller.permissions else None
