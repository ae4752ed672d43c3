"""GET uploadSessions/{id}: one upload session, with its files if requested."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import SessionEntity
from shared.services.sessions import Snapshot, sessions
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import actor, parse_options, session_key
from shared.web.response import session_response
from shared.web.routes import SESSION

blueprint = func.Blueprint()


@operation(blueprint, "GET", SESSION, Contract(SessionEntity, options=("$select", "$expand")))
async def get_session(req: Request) -> Response:
    """Read an upload session; its files only with ``$expand=files``."""
    key = session_key(req)
    query = parse_options(req)
    store = await sessions(actor(req))
    snapshot = await store.snapshot(key) if query.expand_files else Snapshot(await store.get(key), [])
    return session_response(req, snapshot, query=query)
