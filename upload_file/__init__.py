"""POST uploadSessions/{id}/uploadFile: one CSV file, checked and stored as it streams in."""

import azure.functions as func
from fastapi import Request, Response

from shared.answers import session_answer
from shared.bodies import streamed_body
from shared.contract import Contract
from shared.etags import IfMatch
from shared.http import operation
from shared.intake import intake
from shared.multipart import FORM_BODY
from shared.request import actor, parse_options, session_key
from shared.routes import UPLOAD_FILE, UPLOAD_FILE_QUALIFIED
from shared.shapes import UploadedSession
from shared.uploads import upload

blueprint = func.Blueprint()

CONTRACT = Contract(UploadedSession, body=FORM_BODY, conditional=True)


@operation(blueprint, "POST", UPLOAD_FILE, CONTRACT)
@operation(blueprint, "POST", UPLOAD_FILE_QUALIFIED, CONTRACT, suffix="_qualified")
async def upload_file(req: Request) -> Response:
    """Add a file to a session: 200 with the session; 400 with every finding and its line if the file is not valid."""
    async with streamed_body(req) as body:
        key = session_key(req)
        parse_options(req)
        if_match = IfMatch.parse(req.headers.get("if-match"))
        content_type = req.headers.get("content-type")
        snapshot, received = await upload(await intake(actor(req)), key, body, content_type, if_match)
    return session_answer(req, snapshot, action=True, report=received.report)
