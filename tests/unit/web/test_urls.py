"""The base of URLs without a setting: never a host from the request."""

import pytest
from fastapi import Request

from shared.core.errors import INVALID_REQUEST, GraphError
from shared.core.settings import Settings
from shared.web import urls


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSITE_HOSTNAME", raising=False)
    monkeypatch.setattr(urls, "settings", lambda: Settings(public_url=None))


def request(host: str) -> Request:
    scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/v1.0/x", "query_string": b"", "headers": []}
    scope["server"] = ("127.0.0.1", 7071)
    scope["headers"] = [(b"host", host.encode("latin-1"))]
    return Request(scope)


@pytest.mark.parametrize("host", ["127.0.0.1:7071", "localhost:7071", "127.0.0.1"])
def test_on_a_development_machine_the_host_of_the_request_is_used(host: str) -> None:
    assert urls.base_url(request(host)) == f"http://{host}"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1@evil.example", "localhost.evil.example", "[", "", "a b"])
def test_a_foreign_host_is_refused(host: str) -> None:
    try:
        base = urls.base_url(request(host))
    except GraphError as error:
        assert error.problem is INVALID_REQUEST
        assert "UPLOADS_PUBLIC_URL" in error.message
    else:
        assert base == "http://127.0.0.1:7071", "a Host that cannot be one means nothing"


@pytest.mark.parametrize(
    ("hostname", "base"),
    [
        ("uploads.azurewebsites.net", "https://uploads.azurewebsites.net"),
        ("localhost:7071", "http://localhost:7071"),
    ],
)
def test_the_host_name_from_azure_has_precedence(monkeypatch: pytest.MonkeyPatch, hostname: str, base: str) -> None:
    monkeypatch.setenv("WEBSITE_HOSTNAME", hostname)
    assert urls.base_url(request("evil.example")) == base
