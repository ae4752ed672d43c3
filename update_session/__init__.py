"""PATCH uploadSessions/{id}: mark an upload session as done."""

import azure.functions as func
from fastapi import Request, Response

from shared.answers import session_answer
from shared.bodies import read_json
from shared.contract import Contract
from shared.etags import IfMatch
from shared.http import operation
from shared.models import UPDATE_BODY, parse_update
from shared.request import actor, parse_options, prefers, session_key
from shared.routes import SESSION
from shared.sessions import sessions
from shared.shapes import SessionEntity

blueprint = func.Blueprint()

ALLOW_INCOMPLETE = "allow-incomplete"
CONTRACT = Contract(SessionEntity, body=UPDATE_BODY, conditional=True, preferences=(ALLOW_INCOMPLETE,))


@operation(blueprint, "PATCH", SESSION, CONTRACT)
async def update_session(req: Request) -> Response:
    """Mark a session's upload as done: the only update that Graph allows."""
    key = session_key(req)
    parse_options(req)
    parse_update(await read_json(req))
    if_match = IfMatch.parse(req.headers.get("if-match"))
    allow_incomplete = prefers(req, ALLOW_INCOMPLETE)
    snapshot = await (await sessions(actor(req))).complete(key, if_match, allow_incomplete=allow_incomplete)
    applied = {"Preference-Applied": ALLOW_INCOMPLETE} if allow_incomplete else {}
    return session_answer(req, snapshot, headers=applied)
