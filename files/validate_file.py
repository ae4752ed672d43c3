"""POST uploadSessions/{id}/validateFile: a dry run of uploadFile, which stores nothing. Not part of Graph's API."""

import azure.functions as func
from fastapi import Request, Response

from shared.models.responses import CheckedFile
from shared.models.upload_form import FORM_BODY
from shared.services.uploads.receiving import validate
from shared.web.content_coding import GZIP
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.request import context, parse_options, session_key
from shared.web.request_body import streamed_body
from shared.web.response import json_response, warnings_json
from shared.web.routes import SESSION

blueprint = func.Blueprint()


@operation(blueprint, "POST", f"{SESSION}/validateFile", Contract(CheckedFile, body=FORM_BODY, content_codings=(GZIP,)))
async def validate_file(req: Request) -> Response:
    """Validate a file: 200 with its rows and warnings; 400 with every finding, as in uploadFile."""
    async with streamed_body(req) as body:
        key = session_key(req)
        parse_options(req)
        received = await validate(context(req), key, body, req.headers.get("content-type"))
    report = received.report
    answer = {"name": received.name, "size": received.size, "sha256": received.sha256}
    return json_response(answer | {"layout": report.layout, "rowCount": report.rows} | warnings_json(report))
