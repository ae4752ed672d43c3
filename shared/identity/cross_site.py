"""Keeps pages of other sites from changing anything on a service that asks for no token.

A browser on a developer's machine reaches the service there from every page that is open in it. It says where a
request comes from in two headers that no page can set: ``Sec-Fetch-Site`` (W3C, "Fetch Metadata Request Headers") and
``Origin`` (RFC 6454). Programs that are no browsers send neither.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from shared.core.errors import ACCESS_DENIED, GraphError
from shared.core.settings import LOOPBACK

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_origin(method: str, headers: Headers, service_url: str) -> None:
    """Check that a request that may change something does not come from a page of another site.

    Args:
        method: of the request.
        headers: of the request.
        service_url: the address of this service, which may have a path: ``http://localhost:7071/uploads``.

    Raises:
        GraphError: 403.
    """
    if method in SAFE_METHODS:
        return
    # Both count: for a name that leads to this machine only now (DNS rebinding), the site is the same.
    foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    origin = headers.get("origin")
    if foreign or (origin is not None and origin not in _origins(service_url)):
        raise GraphError(
            ACCESS_DENIED,
            "This request comes from a page of another site, by its header Origin or Sec-Fetch-Site. With "
            f"UPLOADS_AUTH=none only programs and the page of this service may change anything: {service_url}/uploads.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _origins(url: str) -> frozenset[str]:
    """The origins of a URL, as browsers send them: scheme, host, and a port that is not the default.

    RFC 6454, section 6.2. A service on this machine has one for each name of the machine.
    """
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    hosts = LOOPBACK if parts.hostname in LOOPBACK else {parts.hostname or ""}
    return frozenset(f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}" for host in hosts)
