"""A tenant's authority in miniature: real RSA keys, published by a real HTTP server, and tokens signed with them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT_ID = "11f1d1e5-0000-4000-8000-0000000000aa"
APP_ID_URI = "api://uploads.contoso.com"
AUDIENCE = f"{CLIENT_ID}, {APP_ID_URI}"
READ_ALL = "EntitlementManagement.Read.All"
READ_WRITE_ALL = "EntitlementManagement.ReadWrite.All"

Claims = Mapping[str, object]


@cache
def rsa_key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """A key that is the same whenever it is asked for under this name; making one takes a while."""
    del name
    return generate_private_key(public_exponent=65537, key_size=bits)


def jwk(key_id: str, key: RSAPrivateKey | None = None) -> dict[str, Any]:
    """A key as Entra publishes it."""
    public = (key or rsa_key(key_id)).public_key()
    return jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True) | {"use": "sig", "kid": key_id}


class Authority:
    """Publishes keys, counts who asks for them, and mints tokens."""

    def __init__(self) -> None:
        self.tenant_id = str(uuid4())
        self.url = ""
        self.fetches = 0
        self.delay = 0.0
        self.status = 200
        self.document: bytes = b""
        self.publish("first")

    def publish(self, *key_ids: str) -> None:
        """Publish these keys from now on, and no others."""
        self.document = json.dumps({"keys": [jwk(key_id) for key_id in key_ids]}).encode()

    @property
    def keys_url(self) -> str:
        """Where the keys are."""
        return f"{self.url}/{self.tenant_id}/discovery/v2.0/keys"

    @property
    def settings(self) -> dict[str, str | int]:
        """What makes a service take this authority's tokens."""
        return {"auth": "entra", "tenant_id": self.tenant_id, "audience": AUDIENCE, "authority": self.url}

    def claims(self, version: int = 2, /, **changes: object) -> dict[str, Any]:
        """The claims of a good app-only token that may do everything, with changes; ``None`` takes a claim away."""
        now = int(time.time())
        claims: dict[str, object] = {
            "aud": CLIENT_ID,
            "iss": f"{self.url}/{self.tenant_id}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "azp": str(uuid4()),
            "oid": str(uuid4()),
            "tid": self.tenant_id,
            "roles": [READ_WRITE_ALL],
            "ver": "2.0",
        }
        if version == 1:
            claims |= {"aud": APP_ID_URI, "iss": f"https://sts.windows.net/{self.tenant_id}/", "ver": "1.0"}
            claims["appid"] = claims.pop("azp")
        claims |= changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, version: int = 2, key_id: str = "first", /, **changes: object) -> str:
        """A token with those claims, signed with the key of that name."""
        return sign(self.claims(version, **changes), key_id)


def sign(claims: Claims, key_id: str = "first", header: Claims | None = None, key: RSAPrivateKey | None = None) -> str:
    """A token as Entra signs one, with whatever claims and header; ``None`` takes a part of the header away."""
    parts = {"typ": "JWT", "alg": "RS256", "kid": key_id, **dict(header or {})}
    text = f"{encode({name: value for name, value in parts.items() if value is not None})}.{encode(dict(claims))}"
    return f"{text}.{encode((key or rsa_key(key_id)).sign(text.encode(), PKCS1v15(), SHA256()))}"


def encode(part: object) -> str:
    """A part of a token."""
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(claims: Claims, algorithm: str = "none") -> str:
    """A token that says it needs no signature, or that has none."""
    return f"{encode({'alg': algorithm, 'kid': 'first', 'typ': 'JWT'})}.{encode(claims)}."


def signed_with_the_public_key(claims: Claims) -> str:
    """A token whose signature is an HMAC with the public key, which everybody has, as its secret."""
    public = (
        rsa_key("first")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    text = f"{encode({'alg': 'HS256', 'kid': 'first', 'typ': 'JWT'})}.{encode(claims)}"
    return f"{text}.{encode(hmac.new(public, text.encode(), hashlib.sha256).digest())}"


@contextmanager
def running_authority() -> Iterator[Authority]:
    """An authority, while its server runs."""
    authority = Authority()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authority.fetches += 1
            time.sleep(authority.delay)
            found = self.path == f"/{authority.tenant_id}/discovery/v2.0/keys"
            self.send_response(authority.status if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(authority.document)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    authority.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
