"""GET uploads/grants/catalogs/{catalogId}: the grants for a catalog and its resources."""

import re

import azure.functions as func
from fastapi import Request, Response

from shared.core.errors import INVALID_QUERY_OPTION, GraphError
from shared.domain.callers import Need
from shared.models.responses import GrantCollection
from shared.models.serializers import grant_json
from shared.services.resources import grants
from shared.services.sessions.listing import DEFAULT_PAGE
from shared.storage.catalog_partition.grants import page_token
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, path_guid
from shared.web.response import json_response
from shared.web.routes import GRANTS, UPLOADS_PREFIXES
from shared.web.urls import metadata_url, next_link

blueprint = func.Blueprint()

CONTRACT = Contract(GrantCollection, options=("$top", "$skiptoken"), need=Need.WRITE_TENANT)

_PAGE_TOKEN = re.compile(r"(catalog|resource:[0-9a-f-]{36}):[0-9a-f-]{36}", re.ASCII)


@operation(blueprint, "GET", GRANTS, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def list_grants(req: Request) -> Response:
    """List the grants for a catalog and its resources. The response has ``@odata.nextLink`` if there are more pages."""
    catalog_id = path_guid(req, "catalogId")
    query = parse_options(req)
    if query.skip_token is not None and not _PAGE_TOKEN.fullmatch(query.skip_token):
        raise GraphError(
            INVALID_QUERY_OPTION, "$skiptoken: not valid. Use @odata.nextLink without changes.", target="$skiptoken"
        )
    top = query.top or DEFAULT_PAGE
    found = await grants.list_grants(context(req), catalog_id, after=query.skip_token, size=top + 1)
    body: dict[str, object] = {
        "@odata.context": metadata_url(req, "uploads/grants"),
        "value": [grant_json(grant) for grant in found[:top]],
    }
    if len(found) > top:
        body["@odata.nextLink"] = next_link(req, query, "$skiptoken", page_token(found[top - 1].key))
    return json_response(body)
