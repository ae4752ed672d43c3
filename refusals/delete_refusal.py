"""DELETE uploadSessions/{id}/refusals/{refusalId}: withdraw a refusal."""

import azure.functions as func
from fastapi import Request, Response

from shared.services.uploads.refusals import withdraw_refusal
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, path_guid, session_key
from shared.web.routes import REFUSALS

blueprint = func.Blueprint()


@operation(blueprint, "DELETE", f"{REFUSALS}/{{refusalId}}", Contract(status=204, media_type=None))
async def delete_refusal(req: Request) -> Response:
    """Withdraw a refusal of an active session: 204; it no longer blocks the completion of the session."""
    key = session_key(req)
    refusal_id = path_guid(req, "refusalId")
    parse_options(req)
    await withdraw_refusal(context(req), key, refusal_id)
    return Response(status_code=204)
