"""Grants, which give a principal a role for one catalog or one resource: put, list and delete them."""

import re

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.requests import GRANT_BODY, parse_grant
from shared.models.responses import GrantCollection, GrantEntity
from shared.models.serializers import grant_json
from shared.services.resources import grants
from shared.storage.catalog_partition.grants import page_token
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import conditions, context, grant_key, parse_options, path_guid
from shared.web.request_body import read_json
from shared.web.response import collection_response, json_response
from shared.web.routes import UPLOADS_PREFIXES
from shared.web.urls import metadata_url, page_annotations

blueprint = func.Blueprint()

# The segments between the ids prevent a mistake: without them, a path that lacks the resource id would grant access to
# the whole catalog.
CATALOG = "grants/catalogs/{catalogId}"
GRANT_OF_CATALOG = f"{CATALOG}/principals/{{principalId}}"
GRANT = f"{CATALOG}/resources/{{resourceId}}/principals/{{principalId}}"

PUT = Contract(GrantEntity, body=GRANT_BODY, conditional=True, need=Need.WRITE_TENANT)
LIST = Contract(GrantCollection, options=("$top", "$skiptoken"), need=Need.WRITE_TENANT)
DELETE = Contract(status=204, media_type=None, conditional=True, need=Need.WRITE_TENANT)

_PAGE_TOKEN = re.compile(r"(catalog|resource:[0-9a-f-]{36}):[0-9a-f-]{36}", re.ASCII)


@operation(blueprint, "PUT", GRANT_OF_CATALOG, PUT, suffix="_of_catalog", prefixes=UPLOADS_PREFIXES)
@operation(blueprint, "PUT", GRANT, PUT, prefixes=UPLOADS_PREFIXES)
async def put_grant(req: Request) -> Response:
    """Give a principal a role for a catalog or a resource. The grant replaces an existing one."""
    key = grant_key(req)
    parse_options(req)
    grant = parse_grant(key, await read_json(req))
    grant = await grants.put_grant(context(req), grant, conditions(req))
    body = {"@odata.context": metadata_url(req, "uploads/grants/$entity"), **grant_json(grant)}
    return json_response(body, headers={"ETag": grant.etag})


@operation(blueprint, "GET", CATALOG, LIST, prefixes=UPLOADS_PREFIXES)
async def list_grants(req: Request) -> Response:
    """List the grants for a catalog and its resources. The response has ``@odata.nextLink`` if there are more pages."""
    catalog_id = path_guid(req, "catalogId")
    query = parse_options(req)
    position, top = query.position(_PAGE_TOKEN), query.page_size
    found = await grants.list_grants(context(req), catalog_id, after=position and position[0], size=top + 1)
    end = page_token(found[top - 1].key) if len(found) > top else None
    annotations = page_annotations(req, query, metadata_url(req, "uploads/grants"), end=end)
    return await collection_response(annotations, map(grant_json, found[:top]))


@operation(blueprint, "DELETE", GRANT_OF_CATALOG, DELETE, suffix="_of_catalog", prefixes=UPLOADS_PREFIXES)
@operation(blueprint, "DELETE", GRANT, DELETE, prefixes=UPLOADS_PREFIXES)
async def delete_grant(req: Request) -> Response:
    """Revoke a grant. It no longer applies from the next request on."""
    key = grant_key(req)
    parse_options(req)
    await grants.delete_grant(context(req), key, conditions(req))
    return Response(status_code=204)
