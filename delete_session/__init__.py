"""DELETE uploadSessions/{id}: give up an upload session, and its files with it."""

import azure.functions as func
from fastapi import Request, Response

from shared.contract import Contract
from shared.etags import IfMatch
from shared.http import operation
from shared.request import actor, parse_options, session_key
from shared.routes import SESSION
from shared.sessions import sessions

blueprint = func.Blueprint()


@operation(blueprint, "DELETE", SESSION, Contract(status=204, media_type=None, conditional=True))
async def delete_session(req: Request) -> Response:
    """Delete a session that is not complete: 204; its reference is free again, and its files are gone."""
    key = session_key(req)
    parse_options(req)
    await (await sessions(actor(req))).delete(key, IfMatch.parse(req.headers.get("if-match")))
    return Response(status_code=204)
