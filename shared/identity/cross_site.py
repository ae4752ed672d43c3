"""Keeps other sites from changing anything with a person's cookie, where the platform signs requests by cookie.

OWASP, "Cross-Site Request Forgery Prevention": a custom header together with the origin of the request. A header that
is not on the safelist of CORS (Fetch Standard) needs a preflight from another site. This service never grants one.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from shared.core.errors import ACCESS_DENIED, GraphError

OWN_HEADER = "X-Requested-With"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_own_page(method: str, headers: Headers, service_url: str) -> None:
    """Check that a request that may change something comes from a page of this service, or has a token.

    Args:
        method: of the request.
        headers: of the request.
        service_url: the address of this service, which may have a path: ``https://contoso.com/uploads``.

    Raises:
        GraphError: 403.
    """
    # A browser adds cookies by itself, but never this header: a script or a pipeline has set it.
    if method in _SAFE_METHODS or "authorization" in headers:
        return
    site = headers.get("sec-fetch-site")
    from_here = site == "same-origin" if site is not None else headers.get("origin") == _origin(service_url)
    if not from_here or OWN_HEADER not in headers:
        raise GraphError(
            ACCESS_DENIED,
            "This request could come from another site, and would be signed with your cookie. Send it from the page of "
            f"this service, or with a token in the header Authorization. (It needs the header {OWN_HEADER}, and Origin "
            "or Sec-Fetch-Site of this service.)",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _origin(url: str) -> str:
    """An origin as browsers send it: scheme, host, and a port that is not the default (RFC 6454, section 6.2)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
