"""GET uploadSessions/{id}/files/{fileId}: what is known of one file."""

import azure.functions as func
from fastapi import Request, Response

from shared.contract import Contract
from shared.entities import FILE as FILE_ENTITY
from shared.http import json_answer, operation
from shared.links import sessions_context
from shared.odata import select_properties
from shared.representations import file_json
from shared.request import actor, parse_options, path_guid, session_key
from shared.routes import FILE
from shared.sessions import sessions
from shared.shapes import FileEntity

blueprint = func.Blueprint()


@operation(blueprint, "GET", FILE, Contract(FileEntity, options=("$select",), entity=FILE_ENTITY))
async def get_file(req: Request) -> Response:
    """Read one file's name, size and date."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    query = parse_options(req)
    file = await (await sessions(actor(req))).file(key, file_id)
    context = f"{sessions_context(req, key.resource)}('{key.session_id}')/files/$entity"
    return json_answer({"@odata.context": context} | select_properties(file_json(file), query.select))
