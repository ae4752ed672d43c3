"""Tokens without a tenant: an issuer of our own, whose key lies in the data folder.

``python3 dev.py run --auth entra`` starts it beside the service, and ``python3 dev.py token`` mints tokens that this
service takes. To the app it is an authority like Microsoft's: it finds the keys where it would find Entra's.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.sign_in import TOKEN_MINUTES, Person, SignIn

ROOT = Path(__file__).parent.parent
DATA = ROOT / ".data"

TENANT_ID = "7e4a7e4a-0000-4000-8000-000000000001"
AUDIENCE = "api://uploads.local"
CLIENT_ID = "7e4a7e4a-0000-4000-8000-000000000002"
MINUTES = 60
_KEY_ID = "local"


class IssuerError(Exception):
    """No token can be minted; the message says what to do."""


@contextmanager
def issuer(data: Path) -> Iterator[dict[str, str]]:
    """Publish the keys of a data folder; gives the app's settings with which it trusts them."""
    data.mkdir(parents=True, exist_ok=True)
    key = jwt.algorithms.RSAAlgorithm.to_jwk(_key(data).public_key(), as_dict=True)
    document = json.dumps({"keys": [key | {"use": "sig", "kid": _KEY_ID}]}).encode()
    server = _server(_port_file(data), _handler(document, SignIn(partial(_mint_for, data))))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            "UPLOADS_AUTH": "entra",
            "UPLOADS_TENANT_ID": TENANT_ID,
            "UPLOADS_AUDIENCE": AUDIENCE,
            "UPLOADS_AUTHORITY": _authority(data),
            "UPLOADS_PAGE_CLIENT_ID": CLIENT_ID,
        }
    finally:
        server.shutdown()
        server.server_close()


def _handler(keys: bytes, sign_in: SignIn) -> type[BaseHTTPRequestHandler]:
    """What answers for the issuer, under the paths that the Microsoft identity platform has."""

    class Handler(BaseHTTPRequestHandler):
        """Publishes the keys, and signs people in."""

        def do_GET(self) -> None:  # the name that the base class calls
            path, _, query = self.path.partition("?")
            given = dict(parse_qsl(query))
            match path.removeprefix(f"/{TENANT_ID}/"):
                case "discovery/v2.0/keys":
                    self._send(HTTPStatus.OK, "application/json", keys)
                case "oauth2/v2.0/authorize":
                    status, document = sign_in.page(given)
                    self._send(status, "text/html; charset=utf-8", document.encode())
                case "oauth2/v2.0/pick" if location := sign_in.pick(given):
                    self._send(HTTPStatus.FOUND, "text/plain", b"", Location=location)
                case _:
                    self._send(HTTPStatus.NOT_FOUND, "text/plain", b"Tokens come from 'python3 dev.py token'.\n")

        def do_POST(self) -> None:  # the name that the base class calls
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if self.path != f"/{TENANT_ID}/oauth2/v2.0/token":
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"")
                return
            status, answer = sign_in.token(dict(parse_qsl(body)))
            # The page is on another port, which is another origin.
            self._send(status, "application/json", json.dumps(answer).encode(), **{"Access-Control-Allow-Origin": "*"})

        def _send(self, status: HTTPStatus, media_type: str, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in ({"Content-Type": media_type, "Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _mint_for(data: Path, person: Person, kind: str) -> str:
    """A token of a person who has signed in: for the service, or for the page, which shows the name in it."""
    if kind == "access":
        return mint(data, scopes=person.scopes, oid=person.oid, minutes=TOKEN_MINUTES)
    return jwt.encode({"name": person.name, "oid": person.oid}, _key(data), algorithm="RS256", headers={"kid": _KEY_ID})


def mint(
    data: Path,
    *,
    roles: Sequence[str] = (),
    scopes: Sequence[str] = (),
    oid: str | None = None,
    groups: Sequence[str] = (),
    minutes: int = MINUTES,
) -> str:
    """A token of version 2.0: the app's own with ``roles``, a user's with ``scopes``.

    Raises:
        IssuerError: no service has run on this folder with ``--auth entra``.
    """
    if not _port_file(data).exists():
        raise IssuerError("There is no issuer yet. Start the service first: python3 dev.py run --auth entra")
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": f"{_authority(data)}/{TENANT_ID}/v2.0",
        "aud": AUDIENCE,
        "tid": TENANT_ID,
        "oid": oid or str(uuid4()),
        "azp": CLIENT_ID,
        "ver": "2.0",
        "iat": now,
        "nbf": now,
        "exp": now + 60 * minutes,
    }
    if roles:
        claims["roles"] = list(roles)
    if scopes:
        claims["scp"] = " ".join(scopes)
    if groups:
        claims["groups"] = list(groups)
    return jwt.encode(claims, _key(data), algorithm="RS256", headers={"kid": _KEY_ID})


@cache
def _key(data: Path) -> rsa.RSAPrivateKey:
    """The folder's key, made at the first call. It is kept, since reading one includes a check that takes 30 ms."""
    path = data / "issuer-key.pem"
    if not path.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path.touch(mode=0o600)
        path.write_bytes(
            made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101  # it is what was written
    return key


def _server(port_file: Path, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Listen where the issuer was the last time, if that is free: its tokens name the address, and stay good so."""
    last = int(port_file.read_text()) if port_file.exists() else 0
    try:
        server = ThreadingHTTPServer(("127.0.0.1", last), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port_file.write_text(str(server.server_port))
    return server


def _port_file(data: Path) -> Path:
    return data / "issuer-port"


def _authority(data: Path) -> str:
    return f"http://127.0.0.1:{_port_file(data).read_text()}"


def main() -> int:
    """Print a token; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="dev.py token", description="Print a token for the service that runs with --auth entra."
    )
    parser.add_argument("--role", action="append", default=[], help="a permission of the app itself; may be repeated")
    parser.add_argument("--scope", action="append", default=[], help="a delegated permission; may be repeated")
    parser.add_argument("--oid", help="the caller's object id (default a new one)")
    parser.add_argument("--group", action="append", default=[], help="object id of a group of the caller's")
    parser.add_argument("--minutes", type=int, default=MINUTES, help=f"how long it is good (default {MINUTES})")
    parser.add_argument("--data", type=Path, default=DATA, help="the service's data folder (default .data)")
    asked = parser.parse_args()
    try:
        token = mint(
            asked.data, roles=asked.role, scopes=asked.scope, oid=asked.oid, groups=asked.group, minutes=asked.minutes
        )
    except IssuerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{token}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
