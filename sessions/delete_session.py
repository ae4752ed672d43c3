"""DELETE uploadSessions/{id}: delete an upload session and its files."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.etags import IfMatch
from shared.services.sessions import ending
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.routes import SESSION

blueprint = func.Blueprint()


@operation(blueprint, "DELETE", SESSION, Contract(status=204, media_type=None, conditional=True))
async def delete_session(req: Request) -> Response:
    """Delete a session that is not complete, with its files: 204; its reference can be used again."""
    key = session_key(req)
    parse_options(req)
    await ending.delete_session(context(req), key, IfMatch.parse(req.headers.get("if-match")))
    return Response(status_code=204)
