"""GET uploadSessions/{id}/files/$count: the number of files of an upload session, as plain text."""

import azure.functions as func
from fastapi import Request, Response

from shared.query.capabilities import FILE
from shared.services.sessions.listing import matching_files
from shared.services.sessions.reading import get_snapshot
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.routes import FILES

blueprint = func.Blueprint()


@operation(
    blueprint, "GET", f"{FILES}/$count", Contract(media_type="text/plain", options=("$filter",), capabilities=FILE)
)
async def count_files(req: Request) -> Response:
    """Count a session's files; the body is the digits only, as Graph's clients expect."""
    key = session_key(req)
    query = parse_options(req)
    snapshot = await get_snapshot(context(req), key)
    return Response(str(len(matching_files(snapshot.files, query))), media_type="text/plain")
