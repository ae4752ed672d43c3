"""GET /uploads: the page for people, its files, and the configuration that it needs to sign people in."""

import html
import json
import os
from functools import cache

import azure.functions as func
from fastapi import Request, Response

from page.assets import FILE_HEADERS, PAGE_HEADERS, Asset, Assets
from page.configuration import page_configuration
from shared.core.errors import UNKNOWN_PATH, GraphError
from shared.core.settings import settings
from shared.web.endpoint import open_operation
from shared.web.response import json_response

blueprint = func.Blueprint()


@cache
def _assets() -> Assets:
    """The page's files, read and compressed at the first visit: many processes never have one."""
    return Assets.load()


@cache
def _document() -> Asset:
    """The page's document with the configuration, for which the page would else wait one request longer."""
    configuration = json.dumps(page_configuration(settings(), os.environ))
    return Asset.of("text/html", _assets().document.replace(b"{configuration}", html.escape(configuration).encode()))


@open_operation(blueprint, "uploads")
async def show_page(req: Request) -> Response:
    """The page. It is asked for again at each visit, so that a new version of the app is seen at once."""
    return _document().response(req.headers.get("accept-encoding", ""), PAGE_HEADERS | {"Cache-Control": "no-cache"})


@open_operation(blueprint, "uploads/assets/{version}/{*path}")
async def get_page_file(req: Request) -> Response:
    """A file of the page, under the digest of all of them: it never changes under its address.

    Raises:
        GraphError: 404.
    """
    file = _assets().find(req.path_params["version"], req.path_params.get("path", ""))
    if file is None:
        raise GraphError(UNKNOWN_PATH, "The page has no such file. Load the page again: it may be a newer version.")
    return file.response(req.headers.get("accept-encoding", ""), FILE_HEADERS)


@open_operation(blueprint, "uploads/config")
async def get_page_configuration(req: Request) -> Response:
    """What the page must know before anybody is signed in: how to sign in, the column layouts, the limits."""
    del req
    return json_response(page_configuration(settings(), os.environ))
