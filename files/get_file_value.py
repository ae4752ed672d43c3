"""GET uploadSessions/{id}/files/{fileId}/$value: the content of a file."""

from urllib.parse import quote

import azure.functions as func
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from shared.services.sessions import reading
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, path_guid, session_key
from shared.web.routes import FILE

blueprint = func.Blueprint()


@operation(blueprint, "GET", f"{FILE}/$value", Contract(media_type="application/octet-stream"))
async def get_file_value(req: Request) -> Response:
    """Download a file's bytes exactly as they were uploaded."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    parse_options(req)
    file = await reading.get_file(context(req), key, file_id)
    headers = {
        "Content-Length": str(file.size),
        # The name is encoded by RFC 8187, since it may have any characters. The content is a caller's: never inline.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(
        await reading.read_file(context(req), key, file), media_type="application/octet-stream", headers=headers
    )
