"""The upload sessions of a resource: list and count them, delete one. Graph's other operations have a folder each."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.sessions import Snapshot
from shared.models.responses import SessionCollection
from shared.services.sessions import ending, listing, reading
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import conditions, context, parse_options, resource_key, session_key
from shared.web.response import collection_response, session_body
from shared.web.routes import SESSION, SESSIONS
from shared.web.urls import page_annotations, sessions_context

blueprint = func.Blueprint()

LIST = Contract(
    SessionCollection,
    options=("$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count", "$select", "$expand"),
    graph=True,
)
COUNT = Contract(media_type="text/plain", options=("$filter",), graph=True)
DELETE = Contract(status=204, media_type=None, conditional=True, graph=True)


@operation(blueprint, "GET", SESSIONS, LIST)
async def list_sessions(req: Request) -> Response:
    """List the upload sessions of a resource. The response has ``@odata.nextLink`` if there are more pages."""
    resource = resource_key(req)
    query = parse_options(req)
    page = await listing.page_of_sessions(context(req), resource, query)
    if query.expanded:
        found = await reading.get_snapshots(context(req), resource, page.sessions, page.file_ranges)
    else:
        found = [Snapshot(session, ()) for session in page.sessions]
    items = (session_body(req, session, query, files) for session, files in found)
    described = sessions_context(req, resource)
    annotations = page_annotations(req, query, described, count=page.total, end=page.next_token)
    return await collection_response(annotations, items)


@operation(blueprint, "GET", f"{SESSIONS}/$count", COUNT)
async def count_sessions(req: Request) -> Response:
    """Count the upload sessions of a resource. The response has digits only, as Graph's clients expect."""
    resource = resource_key(req)
    query = parse_options(req)
    count = await listing.count_sessions(context(req), resource, query)
    return Response(str(count), media_type="text/plain")


@operation(blueprint, "DELETE", SESSION, DELETE)
async def delete_session(req: Request) -> Response:
    """Delete a session that is not complete, with its files: 204; its reference can be used again."""
    key = session_key(req)
    parse_options(req)
    await ending.delete_session(context(req), key, conditions(req))
    return Response(status_code=204)
