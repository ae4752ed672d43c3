"""POST uploadSessions: create an upload session for one resource and one review instance."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.requests import CREATE_BODY, parse_create
from shared.models.responses import SessionEntity
from shared.services.sessions import creating
from shared.telemetry.instruments import SESSIONS_CREATED
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, dialect, parse_options, resource_key
from shared.web.request_body import read_json
from shared.web.response import session_response
from shared.web.routes import SESSIONS
from shared.web.urls import resource_url

blueprint = func.Blueprint()


CONTRACT = Contract(SessionEntity, 201, body=CREATE_BODY, headers=("Location",), graph=True)


@operation(blueprint, "POST", SESSIONS, CONTRACT)
async def create_session(req: Request) -> Response:
    """Create an upload session: 201 with its ``Location``; 409 if the review instance already has one."""
    resource = resource_key(req)
    parse_options(req)
    review = parse_create(await read_json(req), dialect(req))
    session = await creating.create_session(context(req), resource, review)
    SESSIONS_CREATED.add(1)
    location = f"{resource_url(req)}/uploadSessions/{session.key.session_id}"
    return session_response(req, session, [], status=201, headers={"Location": location})
