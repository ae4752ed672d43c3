"""GET uploadSessions: the upload sessions of a resource, with filter, order and pages."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import SessionCollection
from shared.services.sessions.listing import page_of_sessions
from shared.services.sessions.reading import get_files_between
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, resource_key
from shared.web.response import collection_response, session_body
from shared.web.routes import SESSIONS
from shared.web.urls import page_annotations, sessions_context

blueprint = func.Blueprint()

OPTIONS = ("$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count", "$select", "$expand")


@operation(blueprint, "GET", SESSIONS, Contract(SessionCollection, options=OPTIONS))
async def list_sessions(req: Request) -> Response:
    """List the upload sessions of a resource. The response has ``@odata.nextLink`` if there are more pages."""
    resource = resource_key(req)
    query = parse_options(req)
    page = await page_of_sessions(context(req), resource, query)
    files = await get_files_between(context(req), resource, page.file_ranges) if query.expand_files else {}
    items = (session_body(req, session, query, files.get(session.key.session_id, [])) for session in page.sessions)
    described = sessions_context(req, resource)
    annotations = page_annotations(req, query, described, count=page.total, end=page.next_token)
    return await collection_response(annotations, items)
