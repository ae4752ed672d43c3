"""Trying the whole path without a tenant: the local service with its own issuer, and the tokens that it mints."""

import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from local.registration import Registration
from tests.support.authority import CLIENT_ID, READ_ALL, READ_WRITE_ALL, Authority, running_authority
from tests.support.client import Resource, assert_error, http_client
from tests.support.forks import run_fork
from tests.support.invariants import Storage
from tests.support.service import eventually, running_service


def token(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What ``dev.py token`` prints."""
    return run_fork(["local.issuer", "--data", str(data), *arguments], os.environ)


def test_tokens_of_the_local_issuer_open_the_local_service(storage: Storage, tmp_path: Path) -> None:
    somebody, group = str(uuid4()), str(uuid4())
    with running_service(storage.connection_string, None, ("--auth", "entra", "--data", str(tmp_path))) as url:
        writer = token(tmp_path, "--role", READ_WRITE_ALL).stdout.strip()
        reader = token(tmp_path, "--scope", READ_ALL, "--role", READ_WRITE_ALL).stdout.strip()
        member = token(tmp_path, "--oid", somebody, "--group", group).stdout.strip()
        with http_client(url) as http:
            assert_error(Resource(http).sessions(), 401, "unauthenticated")
        with http_client(url, reader) as http:
            assert_error(Resource(http).create(), 403, "accessDenied")
        with http_client(url, writer) as http:
            session = Resource(http).new_session()
            place = (
                f"catalogs/{session.resource.catalog_id}/resources/{session.resource.resource_id}/principals/{group}"
            )
            assert http.put(f"/v1.0/uploads/grants/{place}", json={"role": "reader"}).status_code == 200
        with http_client(url, member) as http:
            assert http.get(session.path).status_code == 200
            assert_error(http.delete(session.path), 403, "accessDenied")

    with running_service(storage.connection_string, None, ("--auth", "entra", "--data", str(tmp_path))) as url:
        with http_client(url, writer) as http:
            assert http.get(session.path).status_code == 200, "a token is good after a new start, too"
        expired = token(tmp_path, "--role", READ_WRITE_ALL, "--minutes", "-5").stdout.strip()
        with http_client(url, expired) as http:
            assert_error(http.get(session.path), 401, "unauthenticated")


def test_the_issuers_key_is_for_its_owner_only(tmp_path: Path, storage: Storage) -> None:
    with running_service(storage.connection_string, None, ("--auth", "entra", "--data", str(tmp_path))):
        assert (tmp_path / "issuer-key.pem").stat().st_mode & 0o077 == 0


def test_without_a_service_there_is_no_token(tmp_path: Path) -> None:
    done = token(tmp_path, "--role", READ_WRITE_ALL)

    assert done.returncode == 1
    assert "dev.py run --auth entra" in done.stderr


SCOPE = f"{CLIENT_ID}/access_as_user"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"scope": f"{SCOPE} openid offline_access"}, None),
        ({"scope": f"{CLIENT_ID}/{READ_ALL} {SCOPE}"}, None),
        ({"scope": "{uri}/.default openid profile offline_access"}, "AADSTS90009"),
        ({"scope": "{uri}/access_as_user"}, "AADSTS90009"),
        ({"scope": "openid profile offline_access"}, "AADSTS90009"),
        ({"scope": "access_as_user"}, "AADSTS90009"),
        ({"scope": "api://other.example/.default"}, "AADSTS500011"),
        ({"scope": f"{CLIENT_ID}/everything"}, "AADSTS650053"),
        ({"scope": SCOPE, "client_id": str(UUID(int=1))}, "AADSTS700016"),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_the_local_issuer_refuses_what_entra_refuses(
    issuer: Authority, asked: dict[str, str], code: str | None
) -> None:
    uri = issuer.registration.content["identifierUris"][0]
    assert answered(issuer, {name: value.format(uri=uri) for name, value in asked.items()}) == [code, code]


def test_a_client_that_lists_no_permission_is_refused(issuer: Authority) -> None:
    content = {name: value for name, value in issuer.registration.content.items() if name != "requiredResourceAccess"}
    issuer.registered(Registration(CLIENT_ID, content))

    assert answered(issuer, {"scope": SCOPE}) == ["AADSTS650057", "AADSTS650057"]


@pytest.fixture
def issuer() -> Iterator[Authority]:
    """An issuer of the test."""
    with running_authority() as running:
        yield running


def answered(issuer: Authority, asked: dict[str, str]) -> list[str | None]:
    """The code with which the page of the sign-in, and the renewal of tokens, are refused; ``None`` if they are not."""
    base = f"{issuer.url}/{issuer.tenant_id}/oauth2/v2.0"
    known = {"client_id": CLIENT_ID, "redirect_uri": "http://localhost:7071/uploads"} | asked
    page = httpx.get(f"{base}/authorize", params=known | {"code_challenge": "x", "code_challenge_method": "S256"})
    renewal = httpx.post(f"{base}/token", data=known | {"grant_type": "refresh_token", "refresh_token": "x"})
    assert renewal.status_code == 400, "the refresh token is not known"
    found = [re.search(r"AADSTS\d+", answer.text) for answer in (page, renewal)]
    assert page.status_code == (200 if found[0] is None else 400)
    return [match and match[0] for match in found]


@pytest.mark.parametrize("auth", ["none", "entra"])
def test_the_command_line_beats_the_environment(storage: Storage, tmp_path: Path, auth: str) -> None:
    other = "entra" if auth == "none" else "none"
    arguments = ("--auth", auth, "--data", str(tmp_path))

    with running_service(storage.connection_string, None, arguments, auth=other) as url, http_client(url) as http:
        assert Resource(http).sessions().status_code == (200 if auth == "none" else 401)


def test_a_browser_that_is_closed_before_its_answer_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    with running_authority() as issuer:
        issuer.delay = 0.2
        address = urlsplit(issuer.keys_url)
        with socket.create_connection((address.hostname, address.port)) as browser:
            # Closed at once, without a farewell.
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            browser.sendall(f"GET {address.path} HTTP/1.1\r\n\r\n".encode())
            assert eventually(lambda: issuer.fetches)
        time.sleep(0.4)

    assert capfd.readouterr().err == ""
