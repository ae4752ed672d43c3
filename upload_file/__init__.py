"""POST uploadSessions/{id}/uploadFile: one CSV file, validated and stored as a stream."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import UploadedSession
from shared.models.upload_form import FORM_BODY
from shared.services.uploads.receiving import upload
from shared.web.content_coding import GZIP
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.limits import transfer_limit
from shared.web.request import conditions, context, parse_options, session_key
from shared.web.request_body import streamed_body
from shared.web.response import session_response
from shared.web.routes import SESSION

blueprint = func.Blueprint()

CONTRACT = Contract(UploadedSession, body=FORM_BODY, content_codings=(GZIP,), conditional=True, graph=True)


@operation(blueprint, "POST", f"{SESSION}/uploadFile", CONTRACT)
# The OData-qualified name, which generated clients can send.
@operation(blueprint, "POST", f"{SESSION}/microsoft.graph.uploadFile", CONTRACT, suffix="_qualified")
async def upload_file(req: Request) -> Response:
    """Add a file to a session: 200 with the session; 400 with every finding if the file is not valid."""
    async with streamed_body(req, transfer_limit()) as body:
        key = session_key(req)
        parse_options(req)
        content_type = req.headers.get("content-type")
        (session, files), received = await upload(context(req), key, body, content_type, conditions(req))
    return session_response(req, session, files, action=True, report=received.report)
