"""GET uploadSessions/{id}: one upload session, with its files if requested."""

import asyncio

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import SessionEntity
from shared.services.deliveries.attempts import deliveries_of
from shared.services.sessions import reading
from shared.services.sessions.receipts import removed_files
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.response import session_response
from shared.web.routes import SESSION

blueprint = func.Blueprint()


@operation(blueprint, "GET", SESSION, Contract(SessionEntity, options=("$select", "$expand"), graph=True))
async def get_session(req: Request) -> Response:
    """Read an upload session; its files only with ``$expand=files``. It shows how far its deliveries have come."""
    key = session_key(req)
    query = parse_options(req)
    here = context(req)
    if query.expanded:
        (session, files), deliveries = await asyncio.gather(reading.get_snapshot(here, key), deliveries_of(here, key))
        removed = await removed_files(here, session)
        return session_response(req, session, files, query=query, deliveries=deliveries, removed=removed)
    session, deliveries = await asyncio.gather(reading.get_session(here, key), deliveries_of(here, key))
    return session_response(req, session, [], query=query, deliveries=deliveries)
