"""DELETE uploadSessions/{id}/files/{fileId}: delete an accepted file. Not part of Graph's API."""

import azure.functions as func
from fastapi import Request, Response

from shared.domain.etags import IfMatch
from shared.services.uploads import deleting
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, path_guid, session_key
from shared.web.routes import FILE

blueprint = func.Blueprint()


@operation(blueprint, "DELETE", FILE, Contract(status=204, media_type=None, conditional=True))
async def delete_file(req: Request) -> Response:
    """Delete a file from an active session: 204; stats follow, and its name can be used again."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    parse_options(req)
    if_match = IfMatch.parse(req.headers.get("if-match"))
    await deleting.delete_file(context(req), key, file_id, if_match)
    return Response(status_code=204)
