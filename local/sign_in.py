"""Signs made-up people in, so that the page can be tried on one machine: authorization code with PKCE (RFC 7636).

The paths and parameters are those of the Microsoft identity platform ("OAuth 2.0 authorization code flow"), as far as a
single-page application uses them. There are no passwords: whoever can open the page of the local issuer may be anyone.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

CODE_SECONDS = 300
TOKEN_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Person:
    """Someone to sign in as: a name, an object id, and the scopes of the token."""

    key: str
    name: str
    oid: str
    scopes: tuple[str, ...]
    about: str


PEOPLE = (
    Person(
        "governance",
        "Grace Governance",
        "7e4a7e4a-0000-4000-8000-00000000a001",
        ("EntitlementManagement.ReadWrite.All",),
        "may read and write in the whole tenant: creates sessions, names applications, gives access",
    ),
    Person(
        "reader",
        "Rita Reader",
        "7e4a7e4a-0000-4000-8000-00000000a002",
        ("EntitlementManagement.Read.All",),
        "may read in the whole tenant, and change nothing",
    ),
    Person(
        "owner",
        "Oscar Owner",
        "7e4a7e4a-0000-4000-8000-00000000a003",
        ("access_as_user",),
        "may do what grants give: nothing, until Grace gives access to an application",
    ),
    Person(
        "stranger",
        "Sam Stranger",
        "7e4a7e4a-0000-4000-8000-00000000a004",
        ("access_as_user",),
        "has a token, and no access to anything",
    ),
)


@dataclass(frozen=True, slots=True)
class _Code:
    person: Person
    client_id: str
    redirect_uri: str
    challenge: str
    expires: float


@dataclass(slots=True)
class SignIn:
    """The sign-ins of one issuer. ``mint(person, kind)`` makes a token: ``access`` or ``id``."""

    mint: Callable[[Person, str], str]
    _codes: dict[str, _Code] = field(default_factory=dict)
    _refresh_tokens: dict[str, Person] = field(default_factory=dict)

    def page(self, query: Mapping[str, str]) -> tuple[HTTPStatus, str]:
        """The page on which one picks who to be."""
        redirect = urlsplit(query.get("redirect_uri", ""))
        if redirect.hostname not in ("127.0.0.1", "localhost") or query.get("code_challenge_method") != "S256":
            text = "This issuer signs people in for a page on this machine, with PKCE (S256), and for nothing else."
            return HTTPStatus.BAD_REQUEST, _document(f"<p>{text}</p>")
        kept = {name: query.get(name, "") for name in ("client_id", "redirect_uri", "state", "code_challenge")}
        choices = "".join(
            f'<li><a href="pick?{escape(urlencode(kept | {"person": person.key}))}">{escape(person.name)}</a> '
            f"{escape(person.about)}<br><small>{person.oid}</small></li>"
            for person in PEOPLE
        )
        return HTTPStatus.OK, _document(f"<h1>Sign in as</h1><ul>{choices}</ul>")

    def pick(self, query: Mapping[str, str]) -> str | None:
        """Where to go on for the person who was picked, with a code; ``None`` for a person who is not known."""
        person = next((each for each in PEOPLE if each.key == query.get("person")), None)
        redirect_uri = query.get("redirect_uri", "")
        if person is None or urlsplit(redirect_uri).hostname not in ("127.0.0.1", "localhost"):
            return None
        code = secrets.token_urlsafe()
        self._codes[code] = _Code(
            person, query["client_id"], redirect_uri, query["code_challenge"], time.monotonic() + CODE_SECONDS
        )
        return f"{redirect_uri}?{urlencode({'code': code, 'state': query.get('state', '')})}"

    def token(self, form: Mapping[str, str]) -> tuple[HTTPStatus, dict[str, object]]:
        """Exchange a code, or a refresh token, for tokens (RFC 6749, sections 4.1.3 and 6)."""
        person = self._redeemed(form) if form.get("grant_type") == "authorization_code" else self._refreshed(form)
        if person is None:
            description = "The code or the refresh token is not known, was used before, or has expired."
            return HTTPStatus.BAD_REQUEST, {"error": "invalid_grant", "error_description": description}
        refresh_token = secrets.token_urlsafe()
        self._refresh_tokens[refresh_token] = person
        return HTTPStatus.OK, {
            "token_type": "Bearer",
            "expires_in": TOKEN_MINUTES * 60,
            "scope": " ".join(person.scopes),
            "access_token": self.mint(person, "access"),
            "id_token": self.mint(person, "id"),
            "refresh_token": refresh_token,
        }

    def _redeemed(self, form: Mapping[str, str]) -> Person | None:
        code = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            code is None
            or time.monotonic() > code.expires
            or not secrets.compare_digest(code.challenge, challenge)
            or (form.get("client_id"), form.get("redirect_uri")) != (code.client_id, code.redirect_uri)
        ):
            return None
        return code.person

    def _refreshed(self, form: Mapping[str, str]) -> Person | None:
        return self._refresh_tokens.pop(form.get("refresh_token", ""), None)


def _document(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Local sign-in</title>'
        f'<body style="font:1.1rem/1.6 system-ui;max-width:40rem;margin:2rem auto">{body}</body></html>'
    )
