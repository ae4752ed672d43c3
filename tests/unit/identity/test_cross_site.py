"""What a service without authentication takes for a program or its own page, and what for a page of another site."""

import pytest
from starlette.datastructures import Headers

from shared.core.errors import ACCESS_DENIED, GraphError
from shared.identity.cross_site import check_origin

OWN = "http://127.0.0.1:7071"
CHANGING = ["POST", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": OWN},
        {"origin": OWN, "sec-fetch-site": "same-origin"},
        {"origin": "http://localhost:7071", "sec-fetch-site": "same-origin"},
    ],
)
def test_programs_and_its_own_page_may_change_things(method: str, headers: dict[str, str]) -> None:
    check_origin(method, Headers(headers), OWN)


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": f"{OWN}.evil.example"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "https://127.0.0.1:7071"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "?"},
        {"sec-fetch-site": "cross-site", "origin": OWN},
        pytest.param({"sec-fetch-site": "same-origin", "origin": "http://evil.example:7071"}, id="DNS rebinding"),
    ],
)
def test_what_a_page_of_another_site_sends_is_refused(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(GraphError) as refused:
        check_origin(method, Headers(headers), OWN)
    assert refused.value.problem is ACCESS_DENIED


@pytest.mark.parametrize(
    ("service", "origin"),
    [
        ("https://contoso.com/apps/uploads", "https://contoso.com"),
        ("https://contoso.com:8443/uploads", "https://contoso.com:8443"),
        ("http://localhost:7071", "http://localhost:7071"),
        ("http://localhost:7071", "http://[::1]:7071"),
    ],
)
def test_an_origin_is_compared_with_that_of_the_services_url(service: str, origin: str) -> None:
    check_origin("POST", Headers({"origin": origin}), service)

    with pytest.raises(GraphError):
        check_origin("POST", Headers({"origin": service + "/"}), service)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_left_to_the_browser_which_shows_no_answer_to_another_site(method: str) -> None:
    check_origin(method, Headers({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}), OWN)
