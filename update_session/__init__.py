"""PATCH uploadSessions/{id}: mark an upload session as done."""

import azure.functions as func
from fastapi import Request, Response

from shared.answers import session_answer
from shared.bodies import read_json
from shared.etags import IfMatch
from shared.http import actor, operation, parse_options, prefers, session_key
from shared.models import parse_update
from shared.routes import SESSION
from shared.sessions import sessions

blueprint = func.Blueprint()


@operation(blueprint, "PATCH", SESSION)
async def update_session(req: Request) -> Response:
    """Mark a session's upload as done: the only update that Graph allows."""
    key = session_key(req)
    parse_options(req)
    parse_update(await read_json(req))
    if_match = IfMatch.parse(req.headers.get("if-match"))
    allow_incomplete = prefers(req, "allow-incomplete")
    snapshot = await (await sessions(actor(req))).complete(key, if_match, allow_incomplete=allow_incomplete)
    applied = {"Preference-Applied": "allow-incomplete"} if allow_incomplete else {}
    return session_answer(req, snapshot, headers=applied)
