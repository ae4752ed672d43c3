"""PATCH uploadSessions/{id}: mark an upload session as done."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.etags import IfMatch
from shared.models.requests import UPDATE_BODY, parse_update
from shared.models.responses import SessionEntity
from shared.services.sessions import sessions
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import actor, parse_options, prefers, session_key
from shared.web.request_body import read_json
from shared.web.response import session_response
from shared.web.routes import SESSION

blueprint = func.Blueprint()

ALLOW_INCOMPLETE = "allow-incomplete"
CONTRACT = Contract(SessionEntity, body=UPDATE_BODY, conditional=True, preferences=(ALLOW_INCOMPLETE,))


@operation(blueprint, "PATCH", SESSION, CONTRACT)
async def update_session(req: Request) -> Response:
    """Mark a session's upload as done, which is the only update that Graph supports."""
    key = session_key(req)
    parse_options(req)
    parse_update(await read_json(req))
    if_match = IfMatch.parse(req.headers.get("if-match"))
    allow_incomplete = prefers(req, ALLOW_INCOMPLETE)
    snapshot = await (await sessions(actor(req))).complete(key, if_match, allow_incomplete=allow_incomplete)
    applied = {"Preference-Applied": ALLOW_INCOMPLETE} if allow_incomplete else {}
    return session_response(req, snapshot, headers=applied)
