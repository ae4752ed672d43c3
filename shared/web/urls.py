"""Builds the URLs in responses: absolute, under the path prefix of the request, never with a host from the request."""

from urllib.parse import quote, urlencode

from fastapi import Request

from shared.core.errors import INVALID_REQUEST, GraphError
from shared.core.settings import settings
from shared.domain.sessions import ResourceKey
from shared.query.options import Query
from shared.web.request import resource_key
from shared.web.routes import PathPrefix


def base_url(req: Request) -> str:
    """The base of every URL: from the settings or from Azure; on a developer's machine, from the request.

    Raises:
        GraphError: 400, if none of them gives it.
    """
    configured = settings().base_url
    if configured is None and req.url.hostname not in ("127.0.0.1", "localhost"):
        # A caller can send any Host header, and it would appear in URLs that other callers receive.
        raise GraphError(INVALID_REQUEST, "The address of this service is not configured: set UPLOADS_PUBLIC_URL.")
    return configured or str(req.base_url).rstrip("/")


def resource_url(req: Request) -> str:
    """The URL of the resource, with the path prefix of the request."""
    prefix: PathPrefix = req.state.prefix
    key = resource_key(req)
    return f"{base_url(req)}/{prefix.template.format(catalogId=key.catalog_id, resourceId=key.resource_id)}"


def next_link(req: Request, query: Query, option: str, value: str) -> str:
    """An ``@odata.nextLink``: absolute, with every query parameter of the request and the position of the next page."""
    parameters = [(name, text) for name, text in query.options if name.lower() != option]
    return f"{base_url(req)}{quote(req.url.path)}?{urlencode([*parameters, (option, value)], quote_via=quote)}"


def metadata_url(req: Request, fragment: str) -> str:
    """An ``@odata.context``."""
    prefix: PathPrefix = req.state.prefix
    return f"{base_url(req)}/{prefix.dialect}/$metadata#{fragment}"


def sessions_context(req: Request, key: ResourceKey) -> str:
    """The ``@odata.context`` of a resource's upload sessions. For one session, ``/$entity`` is appended."""
    prefix: PathPrefix = req.state.prefix
    return metadata_url(req, f"{prefix.context.format(key.catalog_id, key.resource_id)}/uploadSessions")
