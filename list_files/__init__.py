"""GET uploadSessions/{id}/files: the files of an upload session."""

import azure.functions as func
from fastapi import Request, Response

from shared.contract import Contract
from shared.entities import FILE
from shared.http import json_answer, operation
from shared.links import next_link, sessions_context
from shared.listing import matching_files, page_of_files
from shared.request import actor, parse_options, session_key
from shared.routes import FILES
from shared.sessions import sessions
from shared.shapes import FileCollection

blueprint = func.Blueprint()

OPTIONS = ("$filter", "$orderby", "$top", "$skip", "$count", "$select")


@operation(blueprint, "GET", FILES, Contract(FileCollection, options=OPTIONS, entity=FILE))
async def list_files(req: Request) -> Response:
    """List a session's files: 200 with a page, and ``@odata.nextLink`` if there is more."""
    key = session_key(req)
    query = parse_options(req)
    snapshot = await (await sessions(actor(req))).snapshot(key)
    files = matching_files(snapshot.files, query)
    body: dict[str, object] = {
        "@odata.context": f"{sessions_context(req, key.resource)}('{key.session_id}')/files",
    }
    if query.count:
        body["@odata.count"] = len(files)
    body["value"] = page = page_of_files(files, query)
    shown = query.skip + len(page)
    if page and shown < len(files):
        body["@odata.nextLink"] = next_link(req, query, "$skip", str(shown))
    return json_answer(body)
