"""Keeps other sites from changing anything with a person's cookie, where the platform signs requests by cookie.

OWASP, "Cross-Site Request Forgery Prevention": a custom header together with the origin of the request. A header that
is not on the safelist of CORS (Fetch Standard) needs a preflight from another site. This service never grants one.
"""

from starlette.datastructures import Headers

from shared.core.errors import ACCESS_DENIED, GraphError

OWN_HEADER = "X-Requested-With"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_own_page(method: str, headers: Headers, origin: str) -> None:
    """See that a request that may change something comes from a page of this service, or carries a token of its own.

    Args:
        method: of the request.
        headers: of the request.
        origin: this service's own, such as ``https://uploads.contoso.com``.

    Raises:
        GraphError: 403.
    """
    # A browser adds cookies by itself, and never this: a script of a pipeline has put it there.
    if method in _SAFE_METHODS or "authorization" in headers:
        return
    site = headers.get("sec-fetch-site")
    from_here = site == "same-origin" if site is not None else headers.get("origin") == origin
    if not from_here or OWN_HEADER not in headers:
        raise GraphError(
            ACCESS_DENIED,
            "This request could come from another site, and would be signed with your cookie. Send it from the page of "
            f"this service, or with a token in the header Authorization. (It needs the header {OWN_HEADER}, and Origin "
            "or Sec-Fetch-Site of this service.)",
            headers={"WWW-Authenticate": "Bearer"},
        )
