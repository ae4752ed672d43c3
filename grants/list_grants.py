"""GET uploads/grants/catalogs/{catalogId}: the grants for a catalog and its resources."""

import re

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.responses import GrantCollection
from shared.models.serializers import grant_json
from shared.services.resources import grants
from shared.storage.catalog_partition.grants import page_token
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, path_guid
from shared.web.response import collection_response
from shared.web.routes import GRANTS, UPLOADS_PREFIXES
from shared.web.urls import metadata_url, page_annotations

blueprint = func.Blueprint()

CONTRACT = Contract(GrantCollection, options=("$top", "$skiptoken"), need=Need.WRITE_TENANT)

_PAGE_TOKEN = re.compile(r"(catalog|resource:[0-9a-f-]{36}):[0-9a-f-]{36}", re.ASCII)


@operation(blueprint, "GET", GRANTS, CONTRACT, prefixes=UPLOADS_PREFIXES)
async def list_grants(req: Request) -> Response:
    """List the grants for a catalog and its resources. The response has ``@odata.nextLink`` if there are more pages."""
    catalog_id = path_guid(req, "catalogId")
    query = parse_options(req)
    position, top = query.position(_PAGE_TOKEN), query.page_size
    found = await grants.list_grants(context(req), catalog_id, after=position and position[0], size=top + 1)
    end = page_token(found[top - 1].key) if len(found) > top else None
    annotations = page_annotations(req, query, metadata_url(req, "uploads/grants"), end=end)
    return await collection_response(annotations, map(grant_json, found[:top]))
