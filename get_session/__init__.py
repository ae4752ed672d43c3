"""GET uploadSessions/{id}: one upload session, with its files if asked for."""

import azure.functions as func
from fastapi import Request, Response

from shared.answers import session_answer
from shared.contract import Contract
from shared.http import operation
from shared.request import actor, parse_options, session_key
from shared.routes import SESSION
from shared.sessions import Snapshot, sessions
from shared.shapes import SessionEntity

blueprint = func.Blueprint()


@operation(blueprint, "GET", SESSION, Contract(SessionEntity, options=("$select", "$expand")))
async def get_session(req: Request) -> Response:
    """Read an upload session: one point read, and the files' range only for ``$expand=files``."""
    key = session_key(req)
    query = parse_options(req)
    store = await sessions(actor(req))
    snapshot = await store.snapshot(key) if query.expand_files else Snapshot(await store.get(key), [])
    return session_answer(req, snapshot, query=query)
