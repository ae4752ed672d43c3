"""The files of an upload session: validate one, list and count them, read one, download its bytes, delete one.

Validating and deleting a file are not part of Graph's API.
"""

from functools import partial

import azure.functions as func
from fastapi import Request, Response

from shared.domain.sessions import StoredFile
from shared.models.file_names import attachment
from shared.models.responses import CheckedFile, FileCollection, FileEntity
from shared.models.serializers import file_json
from shared.models.upload_form import FORM_BODY
from shared.query import capabilities
from shared.query.options import select_properties
from shared.services.sessions import reading
from shared.services.sessions.listing import matching_files, page_of_files
from shared.services.uploads import deleting
from shared.services.uploads.checking import validate
from shared.web.content_coding import GZIP
from shared.web.contracts import Contract
from shared.web.download import Download, Read
from shared.web.endpoint import operation
from shared.web.limits import dry_run_limit
from shared.web.request import conditions, context, parse_options, path_guid, session_key
from shared.web.request_body import streamed_body
from shared.web.response import checked_json, collection_response, json_response
from shared.web.routes import SESSION
from shared.web.urls import page_annotations, sessions_context

blueprint = func.Blueprint()

FILES = f"{SESSION}/files"
FILE = f"{FILES}/{{fileId}}"

VALIDATE = Contract(CheckedFile, body=FORM_BODY, content_codings=(GZIP,))
LIST = Contract(
    FileCollection,
    options=("$filter", "$orderby", "$top", "$skip", "$count", "$select"),
    capabilities=capabilities.FILE,
    graph=True,
)
COUNT = Contract(media_type="text/plain", options=("$filter",), capabilities=capabilities.FILE, graph=True)
READ = Contract(FileEntity, options=("$select",), capabilities=capabilities.FILE, graph=True)
VALUE = Contract(media_type="application/octet-stream", ranges=True, headers=("Content-Disposition",), graph=True)
ROWS = VALUE._replace(graph=False)


@operation(blueprint, "POST", f"{SESSION}/validateFile", VALIDATE)
async def validate_file(req: Request) -> Response:
    """Validate a file as uploadFile does, and store nothing: 200 with its rows and warnings; 400 with every finding."""
    async with streamed_body(req, dry_run_limit()) as body:
        key = session_key(req)
        parse_options(req)
        received = await validate(context(req), key, body, req.headers.get("content-type"))
    return json_response(checked_json(received))


@operation(blueprint, "GET", FILES, LIST)
async def list_files(req: Request) -> Response:
    """List a session's files: 200 with a page, and ``@odata.nextLink`` if there are more."""
    key = session_key(req)
    query = parse_options(req)
    snapshot = await reading.get_snapshot(context(req), key)
    files = matching_files(snapshot.files, query)
    page, end = page_of_files(files, query)
    annotations = page_annotations(
        req,
        query,
        f"{sessions_context(req, key.resource)}('{key.session_id}')/files",
        count=len(files) if query.counted else None,
        option="$skip",
        end=end,
    )
    return await collection_response(annotations, page)


@operation(blueprint, "GET", f"{FILES}/$count", COUNT)
async def count_files(req: Request) -> Response:
    """Count a session's files; the body is the digits only, as Graph's clients expect."""
    key = session_key(req)
    query = parse_options(req)
    snapshot = await reading.get_snapshot(context(req), key)
    return Response(str(len(matching_files(snapshot.files, query))), media_type="text/plain")


@operation(blueprint, "GET", FILE, READ)
async def get_file(req: Request) -> Response:
    """Read one file's name, size and upload time."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    query = parse_options(req)
    file = await reading.get_file(context(req), key, file_id)
    described = f"{sessions_context(req, key.resource)}('{key.session_id}')/files/$entity"
    return json_response({"@odata.context": described} | select_properties(file_json(file), query.select))


@operation(blueprint, "GET", f"{FILE}/$value", VALUE)
async def get_file_value(req: Request) -> Response:
    """Download a file's bytes exactly as they were uploaded, or a range of them."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    parse_options(req)
    file = await reading.get_file(context(req), key, file_id)
    return _download(partial(reading.read_file, context(req), key, file), file)


def _download(read: Read, file: StoredFile) -> Download:
    return Download(
        read,
        size=file.size,
        # The bytes under an id never change.
        etag=f'"{file.sha256}"',
        media_type="application/octet-stream",
        # The content is a caller's: never inline.
        headers={"Content-Disposition": attachment(file.name)},
    )


@operation(blueprint, "GET", f"{FILE}/rows/$value", ROWS)
async def get_rows_value(req: Request) -> Response:
    """Download the rows of a file in Graph's form, or a range of them: the file itself if it needed no step."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    parse_options(req)
    file = await reading.get_file(context(req), key, file_id)
    rows = file.as_rows
    return _download(partial(reading.read_rows, context(req), key, file), rows)


@operation(blueprint, "DELETE", FILE, Contract(status=204, media_type=None, conditional=True))
async def delete_file(req: Request) -> Response:
    """Delete a file from an active session: 204; stats follow, and its name can be used again."""
    key = session_key(req)
    file_id = path_guid(req, "fileId")
    parse_options(req)
    await deleting.delete_file(context(req), key, file_id, conditions(req))
    return Response(status_code=204)
