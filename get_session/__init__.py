"""GET uploadSessions/{id}: one upload session, with its files if requested."""

import asyncio

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import SessionEntity
from shared.services.deliveries import deliveries
from shared.services.sessions import sessions
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import actor, parse_options, session_key
from shared.web.response import session_response
from shared.web.routes import SESSION

blueprint = func.Blueprint()


@operation(blueprint, "GET", SESSION, Contract(SessionEntity, options=("$select", "$expand")))
async def get_session(req: Request) -> Response:
    """Read an upload session; its files only with ``$expand=files``. It shows how far its deliveries have come."""
    key = session_key(req)
    query = parse_options(req)
    store, outgoing = sessions(actor(req)), deliveries()
    snapshot, delivered = await asyncio.gather(
        store.snapshot(key) if query.expand_files else store.without_files(key), outgoing.of_session(key)
    )
    return session_response(req, snapshot, query=query, deliveries=delivered)
