"""The open refusals of an upload session, files that were refused and not replaced. Not part of Graph's API."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.list_body import CSV
from shared.models.responses import RefusalCollection
from shared.models.serializers import refusal_json
from shared.services.uploads import refusals
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import conditions, context, parse_options, path_guid, session_key
from shared.web.response import collection_response
from shared.web.routes import SESSION
from shared.web.urls import page_annotations, sessions_context

blueprint = func.Blueprint()

REFUSALS = f"{SESSION}/refusals"

ACCOUNTS = Contract(media_type=CSV, headers=("Content-Disposition",))


@operation(blueprint, "GET", REFUSALS, Contract(RefusalCollection))
async def list_refusals(req: Request) -> Response:
    """List a session's open refusals: 200 with all of them, since a session has at most as many as files."""
    key = session_key(req)
    query = parse_options(req)
    found = await refusals.list_refusals(context(req), key)
    described = f"{sessions_context(req, key.resource)}('{key.session_id}')/refusals"
    annotations = page_annotations(req, query, described, end=None)
    return await collection_response(annotations, map(refusal_json, found))


@operation(blueprint, "GET", f"{REFUSALS}/{{refusalId}}/accounts", ACCOUNTS)
async def get_refusal_accounts(req: Request) -> Response:
    """Download the accounts of a refused file that have no principal, as a list of accounts to be filled in."""
    key = session_key(req)
    refusal_id = path_guid(req, "refusalId")
    parse_options(req)
    content = await refusals.accounts_of_refusal(context(req), key, refusal_id)
    headers = {"Content-Disposition": 'attachment; filename="accounts.csv"'}
    return Response(content, media_type=f"{CSV}; charset=utf-8", headers=headers)


@operation(blueprint, "DELETE", f"{REFUSALS}/{{refusalId}}", Contract(status=204, media_type=None, conditional=True))
async def delete_refusal(req: Request) -> Response:
    """Withdraw a refusal of an active session: 204; it no longer blocks the completion of the session."""
    key = session_key(req)
    refusal_id = path_guid(req, "refusalId")
    parse_options(req)
    await refusals.withdraw_refusal(context(req), key, refusal_id, conditions(req))
    return Response(status_code=204)
