"""POST uploadSessions: create an upload session for one resource and one review instance."""

import azure.functions as func
from fastapi import Request, Response

from shared.answers import session_answer
from shared.bodies import read_json
from shared.contract import Contract
from shared.http import operation
from shared.links import resource_url
from shared.models import CREATE_BODY, parse_create
from shared.request import actor, dialect, parse_options, resource_key
from shared.routes import SESSIONS
from shared.sessions import Snapshot, sessions
from shared.shapes import SessionEntity

blueprint = func.Blueprint()


@operation(blueprint, "POST", SESSIONS, Contract(SessionEntity, 201, body=CREATE_BODY))
async def create_session(req: Request) -> Response:
    """Create an upload session: 201 with its ``Location``; 409 if the review instance has one already."""
    resource = resource_key(req)
    parse_options(req)
    review = parse_create(await read_json(req), dialect(req))
    session = await (await sessions(actor(req))).create(resource, review)
    location = f"{resource_url(req)}/uploadSessions/{session.key.session_id}"
    return session_answer(req, Snapshot(session, []), status=201, headers={"Location": location})
