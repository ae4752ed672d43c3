"""GET uploadSessions: the upload sessions of one resource, filtered, ordered and in pages."""

import azure.functions as func
from fastapi import Request, Response

from shared.answers import session_json_for
from shared.contract import Contract
from shared.http import json_answer, operation
from shared.links import next_link, sessions_context
from shared.listing import page_of_sessions
from shared.request import actor, parse_options, resource_key
from shared.routes import SESSIONS
from shared.sessions import sessions
from shared.shapes import SessionCollection

blueprint = func.Blueprint()

OPTIONS = ("$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count", "$select", "$expand")


@operation(blueprint, "GET", SESSIONS, Contract(SessionCollection, options=OPTIONS))
async def list_sessions(req: Request) -> Response:
    """List a resource's upload sessions: 200 with a page, and ``@odata.nextLink`` if there is more."""
    resource = resource_key(req)
    query = parse_options(req)
    store = await sessions(actor(req))
    page = await page_of_sessions(store, resource, query)
    files = await store.files_of(page.sessions) if query.expand_files else {}
    body: dict[str, object] = {"@odata.context": sessions_context(req, resource)}
    if page.total is not None:
        body["@odata.count"] = page.total
    body["value"] = [
        session_json_for(req, session, query, files.get(session.key.session_id, [])) for session in page.sessions
    ]
    if page.next_token is not None:
        body["@odata.nextLink"] = next_link(req, query, "$skiptoken", page.next_token)
    return json_answer(body)
