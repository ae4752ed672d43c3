"""PATCH uploadSessions/{id}: mark an upload session as done."""

from collections.abc import Sequence

import azure.functions as func
from fastapi import Request, Response

from shared.domain.plausibility import ALLOW_CHANGE
from shared.domain.sessions import Session, StoredFile
from shared.models.responses import SessionEntity
from shared.models.update import UPDATE_BODY, check_read_only, parse_update
from shared.query.options import Query
from shared.services.sessions.completing import complete_session
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import conditions, context, parse_options, prefers, session_key
from shared.web.request_body import read_json
from shared.web.response import session_body, session_response
from shared.web.routes import SESSION

blueprint = func.Blueprint()

ALLOW_INCOMPLETE = "allow-incomplete"
PREFERENCES = (ALLOW_INCOMPLETE, ALLOW_CHANGE)
CONTRACT = Contract(SessionEntity, body=UPDATE_BODY, conditional=True, preferences=PREFERENCES, graph=True)


@operation(blueprint, "PATCH", SESSION, CONTRACT)
async def update_session(req: Request) -> Response:
    """Mark a session's upload as done, which is the only update that Graph supports."""
    key = session_key(req)
    parse_options(req)
    given = parse_update(await read_json(req))

    def check(session: Session, files: Sequence[StoredFile]) -> None:
        if given:
            check_read_only(given, session_body(req, session, Query(expanded=Query()), files))

    applied = [each for each in PREFERENCES if prefers(req, each)]
    session, files = await complete_session(
        context(req),
        key,
        conditions(req),
        allow_incomplete=ALLOW_INCOMPLETE in applied,
        allow_change=ALLOW_CHANGE in applied,
        check=check,
    )
    headers = {"Preference-Applied": ", ".join(applied)} if applied else {}
    return session_response(req, session, files, headers=headers)
