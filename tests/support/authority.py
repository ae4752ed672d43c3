"""The authority of the tests, whose keys roll and whose server fails on demand, and tokens that are forged."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from local import issuer as local
from local.sign_in import Answer

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


class Authority(local.Issuer):
    """An authority whose keys have names, which counts who asks for them, and which answers late or not well."""

    def __init__(self) -> None:
        super().__init__(str(uuid4()), CLIENT_ID, {"first": rsa_key("first")})
        self.fetches = 0
        self.delay = 0.0
        self.status = 200

    def roll(self, *key_ids: str) -> None:
        """Publish the keys of these names from now on, and no others."""
        self.publish({key_id: rsa_key(key_id) for key_id in key_ids})

    @property
    def keys_url(self) -> str:
        """Where the keys are."""
        return f"{self.url}/{self.tenant_id}/discovery/v2.0/keys"

    @property
    def settings(self) -> dict[str, str | int]:
        """What makes a service take this authority's tokens."""
        return {"auth": "entra", "tenant_id": self.tenant_id, "audience": AUDIENCE, "authority": self.url}

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """The keys, if it is well."""
        self.fetches += 1
        time.sleep(self.delay)
        answer = super().get(path, query)
        return answer._replace(status=self.status) if answer.status == HTTPStatus.OK else answer

    def token(self, version: int = 2, key_id: str = "first", /, **changes: object) -> str:
        """An app-only token that may do everything, with changes, signed with the key of that name."""
        return local.signed(self.claims(version, **changes), key_id, rsa_key(key_id))

    def claims(self, version: int = 2, /, **changes: object) -> dict[str, Any]:
        """The claims of such a token."""
        good: dict[str, object] = {"azp": str(uuid4()), "roles": [READ_WRITE_ALL]}
        if version == 1:
            good |= {"aud": APP_ID_URI, "iss": f"https://sts.windows.net/{self.tenant_id}/", "ver": "1.0"}
            good |= {"appid": str(uuid4()), "azp": None}
        return super().claims(**good | changes)


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
    with local.serving(authority):
        yield authority
