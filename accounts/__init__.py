"""An application's own list of accounts, which says whose they are where the directory does not: put, read, delete."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.callers import Need
from shared.models.list_body import CSV, LIST_BODY
from shared.models.responses import AccountsEntity
from shared.services.resources import accounts
from shared.web.content_coding import GZIP
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.limits import transfer_limit
from shared.web.request import conditions, context, parse_options, resource_key
from shared.web.request_body import streamed_body
from shared.web.response import json_response
from shared.web.routes import UPLOADS_PREFIXES
from shared.web.urls import metadata_url

blueprint = func.Blueprint()

ACCOUNTS = "resources/{catalogId}/{resourceId}/accounts"

PUT = Contract(AccountsEntity, body=LIST_BODY, content_codings=(GZIP,), conditional=True, need=Need.DECLARE)
GET = Contract(media_type=CSV, headers=("ETag", "Content-Disposition"))
DELETE = Contract(status=204, media_type=None, conditional=True, need=Need.DECLARE)


@operation(blueprint, "PUT", ACCOUNTS, PUT, prefixes=UPLOADS_PREFIXES)
async def put_accounts(req: Request) -> Response:
    """Upload the list of a resource, a CSV file with the columns account and principalId. It replaces the former."""
    async with streamed_body(req, transfer_limit()) as body:
        key = resource_key(req)
        parse_options(req)
        content_type = req.headers.get("content-type")
        stored = await accounts.put_accounts(context(req), key, body, content_type, conditions(req))
    entity: AccountsEntity = {
        "@odata.context": metadata_url(req, "uploads/accounts/$entity"),
        "@odata.etag": stored.etag,
        "catalogId": key.catalog_id,
        "resourceId": key.resource_id,
        "accountCount": stored.accounts,
    }
    return json_response(entity, headers={"ETag": stored.etag})


@operation(blueprint, "GET", ACCOUNTS, GET, prefixes=UPLOADS_PREFIXES)
async def get_accounts(req: Request) -> Response:
    """Read the list of a resource, in the form in which it can be uploaded again; 404 if it has none."""
    key = resource_key(req)
    parse_options(req)
    stored = await accounts.get_accounts(context(req), key)
    headers = {"ETag": stored.etag, "Content-Disposition": 'attachment; filename="accounts.csv"'}
    return Response(stored.content, media_type=f"{CSV}; charset=utf-8", headers=headers)


@operation(blueprint, "DELETE", ACCOUNTS, DELETE, prefixes=UPLOADS_PREFIXES)
async def delete_accounts(req: Request) -> Response:
    """Remove the list of a resource: 204; 404 if it has none. What was uploaded stays as it is."""
    key = resource_key(req)
    parse_options(req)
    await accounts.delete_accounts(context(req), key, conditions(req))
    return Response(status_code=204)
