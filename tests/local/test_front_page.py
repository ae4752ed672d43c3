"""The page at ``/`` of the local host."""

from urllib.parse import urlsplit

import httpx

from shared.core.version import VERSION


def test_the_root_names_the_service_and_its_links_work(service: str) -> None:
    with httpx.Client(base_url=service, timeout=60) as http:
        page = http.get("/")
        assert page.status_code == 200
        told = page.json()
        assert (told["name"], told["version"]) == ("Upload sessions for access data", VERSION)
        assert http.get(told["openapi"]).json()["openapi"]
        assert http.get(told["openapiOfBeta"]).json()["openapi"]
        assert http.get(told["health"]).status_code in (200, 503), "a busy machine may answer 503"
        assert urlsplit(told["api"]).path in http.get(told["openapi"]).text


def test_a_browser_gets_a_page(service: str) -> None:
    page = httpx.get(service, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, timeout=60)

    assert page.headers["Content-Type"].startswith("text/html")
    assert page.headers["Vary"] == "Accept"
    assert f'href="{service}/v1.0/uploads/openapi"' in page.text
    assert VERSION in page.text


def test_only_the_root_itself_is_the_page(service: str) -> None:
    assert httpx.post(service, timeout=60).status_code == 404
    assert httpx.get(f"{service}/nothing", timeout=60).status_code == 404
