"""GET uploadSessions/{id}/files/{fileId}: one file of an upload session."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import FileEntity
from shared.models.serializers import file_json
from shared.query.capabilities import FILE as FILE_ENTITY
from shared.query.options import select_properties
from shared.services.sessions import reading
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, path_guid, session_key
from shared.web.response import json_response
from shared.web.routes import FILE
from shared.web.urls import sessions_context

blueprint = func.Blueprint()


@operation(blueprint, "GET", FILE, Contract(FileEntity, options=("$select",), capabilities=FILE_ENTITY))
async def get_file(req: Request) -> Response:
    """Read one file's name, size and upload time."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    query = parse_options(req)
    file = await reading.get_file(context(req), key, file_id)
    described = f"{sessions_context(req, key.resource)}('{key.session_id}')/files/$entity"
    return json_response({"@odata.context": described} | select_properties(file_json(file), query.select))
