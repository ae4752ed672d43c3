"""The links of answers: absolute, by the way that the caller took, and at an address that no caller has made up."""

from urllib.parse import quote, urlencode

from fastapi import Request

from shared.core.errors import INVALID_REQUEST, GraphError
from shared.core.settings import settings
from shared.domain.lifecycle import ResourceKey
from shared.query.options import Query
from shared.web.parameters import resource_key
from shared.web.routes import PathFamily


def base_url(req: Request) -> str:
    """The base of every link: a setting, or what Azure says of itself; locally, where the request came in.

    Raises:
        GraphError: 400, if none of them is.
    """
    configured = settings().base_url
    if configured is None and req.url.hostname not in ("127.0.0.1", "localhost"):
        # Whoever calls may write any Host, and would have it in the links that others are given.
        raise GraphError(
            INVALID_REQUEST, "This service does not know its own address: UPLOADS_PUBLIC_URL has to be set."
        )
    return configured or str(req.base_url).rstrip("/")


def resource_url(req: Request) -> str:
    """The resource's own URL, by the way that the caller took to it."""
    family: PathFamily = req.state.family
    key = resource_key(req)
    return f"{base_url(req)}/{family.root.format(catalogId=key.catalog_id, resourceId=key.resource_id)}"


def next_link(req: Request, query: Query, option: str, value: str) -> str:
    """An ``@odata.nextLink``: absolute, with every parameter of the request, and the one that leads on."""
    parameters = [(name, text) for name, text in query.options if name.lower() != option]
    return f"{base_url(req)}{quote(req.url.path)}?{urlencode([*parameters, (option, value)], quote_via=quote)}"


def metadata_url(req: Request, fragment: str) -> str:
    """An ``@odata.context``."""
    family: PathFamily = req.state.family
    return f"{base_url(req)}/{family.dialect}/$metadata#{fragment}"


def sessions_context(req: Request, key: ResourceKey) -> str:
    """The ``@odata.context`` of a resource's upload sessions; that of one of them ends in ``/$entity``."""
    family: PathFamily = req.state.family
    return metadata_url(req, f"{family.context.format(key.catalog_id, key.resource_id)}/uploadSessions")
