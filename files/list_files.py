"""GET uploadSessions/{id}/files: the files of an upload session."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import FileCollection
from shared.query.capabilities import FILE
from shared.services.sessions.listing import matching_files, page_of_files
from shared.services.sessions.reading import get_snapshot
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.response import collection_response
from shared.web.routes import FILES
from shared.web.urls import page_annotations, sessions_context

blueprint = func.Blueprint()

OPTIONS = ("$filter", "$orderby", "$top", "$skip", "$count", "$select")


@operation(blueprint, "GET", FILES, Contract(FileCollection, options=OPTIONS, capabilities=FILE))
async def list_files(req: Request) -> Response:
    """List a session's files: 200 with a page, and ``@odata.nextLink`` if there are more."""
    key = session_key(req)
    query = parse_options(req)
    snapshot = await get_snapshot(context(req), key)
    files = matching_files(snapshot.files, query)
    page = page_of_files(files, query)
    shown = query.skip + len(page)
    annotations = page_annotations(
        req,
        query,
        f"{sessions_context(req, key.resource)}('{key.session_id}')/files",
        count=len(files) if query.counted else None,
        option="$skip",
        end=str(shown) if page and shown < len(files) else None,
    )
    return await collection_response(annotations, page)
