"""The directory, with whose users the accounts in files are matched: put, read and delete it."""

import azure.functions as func
from fastapi import Request, Response

from shared.core.settings import settings
from shared.domain.callers import Need
from shared.domain.directory import Directory
from shared.models.list_body import LIST_BODY
from shared.models.responses import DirectoryEntity
from shared.models.serializers import directory_json
from shared.services.context import Context
from shared.services.directory.fetching import fetch_directory as fetch
from shared.services.directory.reading import get_directory as read_directory
from shared.services.directory.removing import delete_directory as remove_directory
from shared.services.directory.taking import put_directory as take_directory
from shared.telemetry.spans import function_span
from shared.web.content_coding import GZIP
from shared.web.contracts import Contract
from shared.web.endpoint import operation
from shared.web.limits import transfer_limit
from shared.web.request import conditions, context, parse_options
from shared.web.request_body import streamed_body
from shared.web.response import json_response
from shared.web.routes import UPLOADS_PREFIXES
from shared.web.urls import metadata_url

blueprint = func.Blueprint()

# A minute that no other timer has.
_HOURLY = "0 7 * * * *"

DIRECTORY = "directory"

PUT = Contract(DirectoryEntity, body=LIST_BODY, content_codings=(GZIP,), conditional=True, need=Need.WRITE_TENANT)
GET = Contract(DirectoryEntity, need=Need.WRITE_TENANT)
DELETE = Contract(status=204, media_type=None, conditional=True, need=Need.WRITE_TENANT)


async def fetch_directory(timer: func.TimerRequest) -> None:
    """Fetch the directory, if the current one is not of today. Where it is only uploaded, there is no such function."""
    async with function_span("fetch_directory"):
        await fetch(Context.of())


if settings().directory_source == "graph":
    blueprint.timer_trigger(arg_name="timer", schedule=_HOURLY)(fetch_directory)


@operation(blueprint, "PUT", DIRECTORY, PUT, prefixes=UPLOADS_PREFIXES)
async def put_directory(req: Request) -> Response:
    """Upload the directory, a CSV file with a row for each user. It replaces the one that is there."""
    async with streamed_body(req, transfer_limit()) as body:
        parse_options(req)
        content_type = req.headers.get("content-type")
        directory = await take_directory(context(req), body, content_type, conditions(req))
    return _directory_response(req, directory)


@operation(blueprint, "GET", DIRECTORY, GET, prefixes=UPLOADS_PREFIXES)
async def get_directory(req: Request) -> Response:
    """Read when the directory was uploaded, by whom, and what it has: counts only; 404 if there is none."""
    parse_options(req)
    return _directory_response(req, await read_directory(context(req)))


@operation(blueprint, "DELETE", DIRECTORY, DELETE, prefixes=UPLOADS_PREFIXES)
async def delete_directory(req: Request) -> Response:
    """Remove the directory and everything that was made of it: 204; 404 if there is none."""
    parse_options(req)
    await remove_directory(context(req), conditions(req))
    return Response(status_code=204)


def _directory_response(req: Request, directory: Directory) -> Response:
    body = {"@odata.context": metadata_url(req, "uploads/directory"), **directory_json(directory)}
    return json_response(body, headers={"ETag": directory.etag})
