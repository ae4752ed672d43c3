"""Tokens without a tenant: an issuer of our own, whose key lies in the data folder.

``python3 dev.py run --auth entra`` starts it beside the service, and ``python3 dev.py token`` mints tokens that this
service takes. To the app it is an authority like Microsoft's: it finds the keys where it would find Entra's.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.register_app import identifier_uri
from local.registration import Registration
from local.sign_in import TOKEN_MINUTES, Answer, Person, SignIn

ROOT = Path(__file__).parent.parent
DATA = ROOT / ".data"

TENANT_ID = "7e4a7e4a-0000-4000-8000-000000000001"
CLIENT_ID = "7e4a7e4a-0000-4000-8000-000000000002"


class Issuer:
    """A tenant's authority in miniature: it publishes keys where Entra does, mints tokens, and signs people in.

    ``url`` is set while it is served.
    """

    def __init__(self, tenant_id: str, client_id: str, keys: Mapping[str, rsa.RSAPrivateKey]) -> None:
        self.tenant_id = tenant_id
        self.url = ""
        self.registered(Registration.of_page(client_id, tenant_id))
        self.publish(keys)

    def registered(self, registration: Registration) -> None:
        """Issue tokens for this registration from now on, to itself as the client. An administrator has consented."""
        self.registration = registration
        self.sign_in = SignIn(registration, self._minted, registration.scopes)

    def publish(self, keys: Mapping[str, rsa.RSAPrivateKey]) -> None:
        """Publish these keys by their ids from now on, and no others; tokens are signed with the first."""
        self._key_id, self._key = next(iter(keys.items()))
        self.document = json.dumps({"keys": [jwk(key_id, key) for key_id, key in keys.items()]}).encode()

    def claims(self, **changes: object) -> dict[str, Any]:
        """The claims of a token of version 2.0 that is good for an hour, with changes; ``None`` takes a claim away."""
        now = int(time.time())
        claims: dict[str, object] = {
            "aud": self.registration.client_id,
            "iss": f"{self.url}/{self.tenant_id}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 60 * TOKEN_MINUTES,
            "azp": self.registration.client_id,
            "oid": str(uuid4()),
            "tid": self.tenant_id,
            "ver": "2.0",
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, **changes: object) -> str:
        """A token for the service, with changes of its claims."""
        return signed(self.claims(**changes), self._key_id, self._key)

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """The answer to a GET, by the path below the tenant's: the keys, and the page on which one picks who to be."""
        match path:
            case "discovery/v2.0/keys":
                return Answer(HTTPStatus.OK, self.document, "application/json")
            case "oauth2/v2.0/authorize":
                return self.sign_in.page(query)
            case "oauth2/v2.0/pick":
                return self.sign_in.pick(query)
            case _:
                return Answer(HTTPStatus.NOT_FOUND, b"Tokens come from 'python3 dev.py token'.\n")

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        """The answer to a POST of a form: the tokens of who has signed in."""
        return self.sign_in.token(form) if path == "oauth2/v2.0/token" else Answer(HTTPStatus.NOT_FOUND)

    def _minted(self, person: Person, kind: str) -> str:
        """A token of a person who has signed in: for the service, or for the page, which shows the name in it."""
        if kind == "access":
            return self.token(oid=person.oid, scp=" ".join(self.sign_in.consented), roles=list(person.roles))
        return signed({"name": person.name, "oid": person.oid}, self._key_id, self._key)


def jwk(key_id: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """A key as Entra publishes it."""
    return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"use": "sig", "kid": key_id}


def signed(claims: Mapping[str, object], key_id: str, key: rsa.RSAPrivateKey) -> str:
    """A token with those claims, whatever they are."""
    return jwt.api_jws.encode(json.dumps(claims).encode(), key, "RS256", {"kid": key_id})


@contextmanager
def serving(running: Issuer, port: int = 0) -> Iterator[None]:
    """Serve an issuer, on that port if it is free."""
    handler = _handler(running)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(running: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Passes on what is below the tenant's path."""

        def do_GET(self) -> None:  # the name that the base class calls
            path, _, query = self.path.partition("?")
            self._send(running.get(self._below(path), dict(parse_qsl(query))))

        def do_POST(self) -> None:  # the name that the base class calls
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._send(running.post(self._below(self.path), dict(parse_qsl(form))))

        def _below(self, path: str) -> str:
            return path.removeprefix(f"/{running.tenant_id}/")

        def _send(self, answer: Answer) -> None:
            headers = {"Content-Type": answer.media_type, "Content-Length": str(len(answer.body)), **answer.headers}
            # A browser that was closed before its answer came is no error of the issuer.
            with suppress(ConnectionError):
                self.send_response(answer.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def issuer(data: Path) -> Iterator[dict[str, str]]:
    """Run the issuer of a data folder; gives the app's settings with which it trusts its tokens."""
    data.mkdir(parents=True, exist_ok=True)
    running, url_file = _of(data), _url_file(data)
    # Where it was the last time, if that is free: its tokens name the address, and stay good so.
    last = urlsplit(url_file.read_text()).port if url_file.exists() else None
    with serving(running, last or 0):
        url_file.write_text(running.url)
        yield {
            "UPLOADS_AUTH": "entra",
            "UPLOADS_TENANT_ID": TENANT_ID,
            "UPLOADS_AUDIENCE": f"{CLIENT_ID},{identifier_uri('local', TENANT_ID)}",
            "UPLOADS_AUTHORITY": running.url,
        }


def mint(
    data: Path,
    *,
    roles: Sequence[str] = (),
    scopes: Sequence[str] = (),
    oid: str | None = None,
    groups: Sequence[str] = (),
    minutes: int = TOKEN_MINUTES,
) -> str:
    """A token of version 2.0: a program's, or with ``scopes`` a user's. ``roles`` are those assigned to either.

    Raises:
        FileNotFoundError: no service has run on this folder with ``--auth entra``.
    """
    of_data = _of(data)
    of_data.url = _url_file(data).read_text()
    return of_data.token(
        roles=list(roles) or None,
        scp=" ".join(scopes) or None,
        groups=list(groups) or None,
        oid=oid or str(uuid4()),
        exp=int(time.time()) + 60 * minutes,
    )


def _of(data: Path) -> Issuer:
    return Issuer(TENANT_ID, CLIENT_ID, {"local": _key(data)})


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


def _url_file(data: Path) -> Path:
    return data / "issuer-url"


def main() -> int:
    """Print a token; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="dev.py token", description="Print a token for the service that runs with --auth entra."
    )
    parser.add_argument("--role", action="append", default=[], help="a role of the program or user; may be repeated")
    parser.add_argument(
        "--scope", action="append", default=[], help="a scope, which makes it a user's; may be repeated"
    )
    parser.add_argument("--oid", help="the caller's object id (default a new one)")
    parser.add_argument("--group", action="append", default=[], help="object id of a group of the caller's")
    parser.add_argument("--minutes", type=int, default=TOKEN_MINUTES, help="how long it is good (default %(default)s)")
    parser.add_argument("--data", type=Path, default=DATA, help="the service's data folder (default .data)")
    asked = parser.parse_args()
    try:
        token = mint(
            asked.data, roles=asked.role, scopes=asked.scope, oid=asked.oid, groups=asked.group, minutes=asked.minutes
        )
    except FileNotFoundError:
        sys.stderr.write("There is no issuer yet. Start the service first: python3 dev.py run --auth entra\n")
        return 1
    sys.stdout.write(f"{token}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
