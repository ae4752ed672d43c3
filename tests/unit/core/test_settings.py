"""Settings are read from the environment: which storage account is meant, and what is refused at start."""

import asyncio
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import azure.identity
import azure.identity.aio
import pytest

from shared.core.settings import load_settings
from shared.storage.azure.connections import credential
from tests.support.forks import run_fork

CONNECTION = "AccountName={};AccountKey=a2V5;TableEndpoint=https://{}.example/;BlobEndpoint=https://{}.example/"
HOST = CONNECTION.format("host", "host", "host")
OWN = CONNECTION.format("own", "own", "own")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(("UPLOADS_", "AZUREWEBJOBSSTORAGE")):
            monkeypatch.delenv(name)


def _endpoints(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> tuple[str | None, str | None]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    if settings.storage is not None:
        return settings.storage, None
    return settings.blob_endpoint, settings.table_endpoint


URIS = {
    "UPLOADS_STORAGE__blobServiceUri": "https://own.blob.example/",
    "UPLOADS_STORAGE__tableServiceUri": "https://own.table.example/",
}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, (None, None), id="nothing"),
        pytest.param({"AzureWebJobsStorage": HOST}, (HOST, None), id="the host's connection string"),
        pytest.param({"AzureWebJobsStorage": HOST, "UPLOADS_STORAGE": OWN}, (OWN, None), id="own connection string"),
        pytest.param(
            {"AzureWebJobsStorage": HOST, **URIS},
            ("https://own.blob.example/", "https://own.table.example/"),
            id="own endpoints, the host's connection string",
        ),
        pytest.param(
            {"AzureWebJobsStorage": HOST, "UPLOADS_STORAGE": "", "UPLOADS_STORAGE__blobServiceUri": ""},
            (HOST, None),
            id="empty values are none",
        ),
        pytest.param(
            {"AzureWebJobsStorage": HOST, "UPLOADS_STORAGE__accountName": "own"},
            ("https://own.blob.core.windows.net", "https://own.table.core.windows.net"),
            id="own account name",
        ),
        pytest.param(
            {"AzureWebJobsStorage__accountName": "host", "AzureWebJobsStorage__credential": "managedidentity"},
            ("https://host.blob.core.windows.net", "https://host.table.core.windows.net"),
            id="the host's account name",
        ),
        pytest.param(
            {"UPLOADS_STORAGE__accountName": "own", "UPLOADS_STORAGE__tableServiceUri": "https://t.example/"},
            ("https://own.blob.core.windows.net", "https://t.example/"),
            id="an endpoint besides the account name",
        ),
        pytest.param(
            {"AzureWebJobsStorage": HOST, "AzureWebJobsStorage__accountName": "other"},
            (HOST, None),
            id="the host prefers a connection string, so the app does",
        ),
    ],
)
def test_the_account_is_chosen_by_prefix(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    assert _endpoints(monkeypatch, environment) == expected


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"UPLOADS_STORAGE__blobServiceUri": "https://b.example"}, "UPLOADS_STORAGE__tableServiceUri"),
        ({"UPLOADS_STORAGE__tableServiceUri": "https://t.example"}, "UPLOADS_STORAGE__blobServiceUri"),
        ({"UPLOADS_STORAGE__clientId": "1f2e"}, "UPLOADS_STORAGE__accountName"),
        ({"AzureWebJobsStorage__blobServiceUri": "https://b.example"}, "AzureWebJobsStorage__tableServiceUri"),
        ({"UPLOADS_STORAGE": OWN, "UPLOADS_STORAGE__accountName": "own"}, "UPLOADS_STORAGE__accountName"),
        ({"UPLOADS_STORAGE__accountName": "own", "UPLOADS_STORAGE__credential": "secret"}, "managedidentity"),
        ({"UPLOADS_STORAGE__accountName": "https://own"}, "UPLOADS_STORAGE__accountName"),
        ({"UPLOADS_MAX_FILLES": "5"}, "UPLOADS_MAX_FILES"),
        ({"UPLOADS_MAX_FILES": "many"}, "UPLOADS_MAX_FILES"),
        ({"UPLOADS_MAX_FILES": "5000"}, "UPLOADS_MAX_FILES"),
        ({"UPLOADS_STORAGE__tableServiceUri": "x", "UPLOADS_STORAGE__blobServiceUri": "y"}, "__tableServiceUri"),
    ],
)
def test_an_invalid_setting_is_refused_at_start_by_its_name(environment: dict[str, str], named: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("UPLOADS_")}

    storage = {} if "STORAGE" in str(environment).upper() else {"UPLOADS_STORAGE": OWN}
    done = run_fork(["local", "--port", "0"], inherited | storage | environment)

    assert done.returncode == 1, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "a2V5" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "base"),
    [
        ({"UPLOADS_PUBLIC_URL": "https://uploads.contoso.com/"}, "https://uploads.contoso.com"),
        ({"UPLOADS_PUBLIC_URL": "https://contoso.com/apps/uploads"}, "https://contoso.com/apps/uploads"),
        ({"WEBSITE_HOSTNAME": "uploads.azurewebsites.net"}, "https://uploads.azurewebsites.net"),
        ({"WEBSITE_HOSTNAME": "localhost:7071"}, "http://localhost:7071"),
        ({"WEBSITE_HOSTNAME": "127.0.0.1:7071"}, "http://127.0.0.1:7071"),
        (
            {"WEBSITE_HOSTNAME": "uploads.azurewebsites.net", "UPLOADS_PUBLIC_URL": "https://uploads.contoso.com"},
            "https://uploads.contoso.com",
        ),
    ],
)
def test_links_begin_with_the_address_of_the_setting_or_else_of_the_platform(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], base: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load_settings().base_url == base


@pytest.fixture
def identities(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    """The client ids for which the platform's identity endpoint, as App Service has it, was asked for a token."""
    asked: list[str | None] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query).get("client_id", [None])[0])
            body = b'{"access_token": "t", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("prefix", ["UPLOADS_STORAGE", "AzureWebJobsStorage"])
@pytest.mark.parametrize("kind", ["managedidentity", ""])
@pytest.mark.parametrize("client_id", ["0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", ""])
async def test_the_identity_is_the_one_that_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, identities: list[str | None], prefix: str, kind: str, client_id: str
) -> None:
    for name, value in {"__accountName": "own", "__credential": kind, "__clientId": client_id}.items():
        monkeypatch.setenv(f"{prefix}{name}", value)

    async with credential(load_settings(), azure.identity.aio) as identity:
        await identity.get_token("https://storage.azure.com/.default")
    with credential(load_settings(), azure.identity) as identity:
        await asyncio.to_thread(identity.get_token, "https://storage.azure.com/.default")

    assert identities == [client_id or None] * 2
