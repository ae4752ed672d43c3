"""GET uploadSessions/{id}/files/$count: how many files an upload session has, as plain text."""

import azure.functions as func
from fastapi import Request, Response

from shared.contract import Contract
from shared.entities import FILE
from shared.http import operation
from shared.listing import matching_files
from shared.request import actor, parse_options, session_key
from shared.routes import FILE_COUNT
from shared.sessions import sessions

blueprint = func.Blueprint()


@operation(blueprint, "GET", FILE_COUNT, Contract(media_type="text/plain", options=("$filter",), entity=FILE))
async def count_files(req: Request) -> Response:
    """Count a session's files: bare digits, since that is what Graph's clients parse."""
    key = session_key(req)
    query = parse_options(req)
    snapshot = await (await sessions(actor(req))).snapshot(key)
    return Response(str(len(matching_files(snapshot.files, query))), media_type="text/plain")
