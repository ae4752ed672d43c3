"""Builds the URLs in responses: absolute, under the path prefix of the request, never with a host from the request."""

from urllib.parse import quote, urlencode

from fastapi import Request

from shared.core.settings import settings
from shared.domain.sessions import ResourceKey, SessionKey
from shared.query.options import Query, system_option
from shared.web.request import resource_key
from shared.web.routes import SESSIONS, PathPrefix


def resource_url(req: Request) -> str:
    """The URL of the resource, with the path prefix of the request."""
    prefix: PathPrefix = req.state.prefix
    key = resource_key(req)
    return f"{settings().base_url}/{prefix.template.format(catalogId=key.catalog_id, resourceId=key.resource_id)}"


def files_url(req: Request, key: SessionKey) -> str:
    """The URL of a session's files, with the path prefix of the request."""
    return f"{resource_url(req)}/{SESSIONS}/{key.session_id}/files"


def page_annotations(
    req: Request, query: Query, described: str, *, count: int | None = None, option: str = "$skiptoken", end: str | None
) -> dict[str, object]:
    """The annotations of a page of a collection.

    Args:
        req: the request.
        query: its options.
        described: the ``@odata.context``.
        count: the number of all items, if the query asks for it.
        option: the query option that says where a page begins.
        end: where this page ends, as the value of that option; ``None`` if it is the last one.
    """
    annotations: dict[str, object] = {"@odata.context": described}
    if count is not None:
        annotations["@odata.count"] = count
    if end is not None:
        annotations["@odata.nextLink"] = next_link(f"{settings().base_url}{quote(req.url.path)}", query, option, end)
    return annotations


def next_link(url: str, query: Query, option: str, end: str) -> str:
    """The URL of the next page of a collection: every query parameter, and an option that says where it begins."""
    parameters = [*((name, text) for name, text in query.options if system_option(name) != option), (option, end)]
    return f"{url}?{urlencode(parameters, quote_via=quote)}"


def metadata_url(req: Request, fragment: str) -> str:
    """An ``@odata.context``."""
    prefix: PathPrefix = req.state.prefix
    return f"{settings().base_url}/{prefix.dialect}/$metadata#{fragment}"


def sessions_context(req: Request, key: ResourceKey) -> str:
    """The ``@odata.context`` of a resource's upload sessions. For one session, ``/$entity`` is appended."""
    prefix: PathPrefix = req.state.prefix
    return metadata_url(req, f"{prefix.context.format(key.catalog_id, key.resource_id)}/uploadSessions")
