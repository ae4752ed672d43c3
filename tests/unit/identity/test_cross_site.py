"""What the platform mode takes for a request of its own page, and what it refuses as possibly another site's."""

import pytest
from starlette.datastructures import Headers

from shared.core.errors import ACCESS_DENIED, GraphError
from shared.identity.cross_site import check_own_page

OWN = "https://uploads.contoso.com"
CUSTOM = {"x-requested-with": "uploads-page"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        CUSTOM | {"sec-fetch-site": "same-origin"},
        CUSTOM | {"origin": OWN},
        CUSTOM | {"origin": OWN, "sec-fetch-site": "same-origin"},
        {"authorization": "Bearer token"},
        {"authorization": "Bearer token", "origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    ],
)
def test_its_own_page_and_bearers_of_a_token_may_change_things(method: str, headers: dict[str, str]) -> None:
    check_own_page(method, Headers(headers), OWN)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        CUSTOM,
        {"origin": OWN, "sec-fetch-site": "same-origin"},
        CUSTOM | {"origin": "https://evil.example"},
        CUSTOM | {"origin": "null"},
        CUSTOM | {"sec-fetch-site": "cross-site"},
        CUSTOM | {"sec-fetch-site": "same-site"},
        CUSTOM | {"sec-fetch-site": "none"},
        CUSTOM | {"sec-fetch-site": "cross-site", "origin": OWN},
        CUSTOM | {"origin": f"{OWN}.evil.example"},
        CUSTOM | {"referer": f"{OWN}/uploads"},
    ],
)
def test_what_another_site_could_send_is_refused(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(GraphError) as refused:
        check_own_page(method, Headers(headers), OWN)
    assert refused.value.problem is ACCESS_DENIED


@pytest.mark.parametrize(
    ("service", "origin"),
    [
        ("https://contoso.com/apps/uploads", "https://contoso.com"),
        ("https://contoso.com:8443/uploads", "https://contoso.com:8443"),
        ("http://localhost:7071", "http://localhost:7071"),
    ],
)
def test_an_origin_is_compared_with_that_of_the_services_url(service: str, origin: str) -> None:
    check_own_page("POST", Headers(CUSTOM | {"origin": origin}), service)

    with pytest.raises(GraphError):
        check_own_page("POST", Headers(CUSTOM | {"origin": service + "/"}), service)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_needs_no_proof(method: str) -> None:
    check_own_page(method, Headers({"sec-fetch-site": "cross-site"}), OWN)
