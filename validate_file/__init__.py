"""POST uploadSessions/{id}/validateFile: what uploadFile would say of a file; nothing is stored or remembered.

Not Graph's: a dry run, for whoever wants to know before it counts.
"""

import azure.functions as func
from fastapi import Request, Response

from shared.answers import warnings_json
from shared.bodies import streamed_body
from shared.contract import Contract
from shared.http import json_answer, operation
from shared.intake import intake
from shared.multipart import FORM_BODY
from shared.request import actor, parse_options, session_key
from shared.routes import VALIDATE_FILE
from shared.shapes import CheckedFile
from shared.uploads import validate

blueprint = func.Blueprint()


@operation(blueprint, "POST", VALIDATE_FILE, Contract(CheckedFile, body=FORM_BODY))
async def validate_file(req: Request) -> Response:
    """Check a file: 200 with its rows and warnings; 400 with every finding, as uploadFile would answer."""
    async with streamed_body(req) as body:
        key = session_key(req)
        parse_options(req)
        received = await validate(await intake(actor(req)), key, body, req.headers.get("content-type"))
    report = received.report
    answer = {"name": received.name, "size": received.size, "sha256": received.sha256}
    return json_answer(answer | {"layout": report.layout, "rowCount": report.rows} | warnings_json(report))
