"""Signs made-up people in, so that the page can be tried on one machine: authorization code with PKCE (RFC 7636).

The paths and parameters are those of the Microsoft identity platform ("OAuth 2.0 authorization code flow"), as far as a
single-page application uses them. There are no passwords: whoever can open the page of the local issuer may be anyone.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from local.registration import Refusal, Registration

CODE_SECONDS = 300
TOKEN_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Person:
    """Someone to sign in as: a name, an object id, and the app roles that are assigned to the person."""

    key: str
    name: str
    oid: str
    roles: tuple[str, ...]
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
        ("UploadSessions.SignIn",),
        "may do what grants give: nothing, until Grace gives access to an application",
    ),
    Person(
        "stranger",
        "Sam Stranger",
        "7e4a7e4a-0000-4000-8000-00000000a004",
        ("UploadSessions.SignIn",),
        "has a token, and no access to anything",
    ),
)


class Answer(NamedTuple):
    """What an authority answers."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain"
    headers: Mapping[str, str] = {}


class _Code(NamedTuple):
    person: Person
    asked: Mapping[str, str]
    expires: float


@dataclass(slots=True)
class SignIn:
    """The sign-ins of one issuer. ``mint(person, kind)`` makes a token: ``access`` or ``id``.

    ``consented`` has the scopes to which an administrator has consented, and everybody's token has them.
    """

    registration: Registration
    mint: Callable[[Person, str], str]
    consented: Sequence[str]
    people: Sequence[Person] = PEOPLE
    _codes: dict[str, _Code] = field(default_factory=dict)
    _refresh_tokens: dict[str, Person] = field(default_factory=dict)

    def page(self, query: Mapping[str, str]) -> Answer:
        """The page on which one picks who to be."""
        if not _is_local(query) or query.get("code_challenge_method") != "S256":
            text = "This issuer signs people in for a page on this machine, with PKCE (S256), and for nothing else."
            return _document(HTTPStatus.BAD_REQUEST, f"<p>{text}</p>")
        refusal = self.registration.refusal(query)
        if refusal is not None:
            return _document(HTTPStatus.BAD_REQUEST, f"<p>{escape(refusal.error_description)}</p>")
        kept = {name: query.get(name, "") for name in ("client_id", "redirect_uri", "state", "code_challenge")}
        choices = "".join(
            f'<li><a href="pick?{escape(urlencode(kept | {"person": person.key}))}">{escape(person.name)}</a> '
            f"{escape(person.about)}<br><small>{person.oid}</small></li>"
            for person in self.people
        )
        return _document(HTTPStatus.OK, f"<h1>Sign in as</h1><ul>{choices}</ul>")

    def pick(self, query: Mapping[str, str]) -> Answer:
        """Back to the page with a code for the person who was picked; 404 for one who is not known."""
        person = next((each for each in self.people if each.key == query.get("person")), None)
        if person is None or not _is_local(query):
            return Answer(HTTPStatus.NOT_FOUND)
        refusal = self.registration.refusal_to(person.roles, self.consented)
        if refusal is not None:
            return _document(HTTPStatus.BAD_REQUEST, f"<p>{escape(refusal.error_description)}</p>")
        code = secrets.token_urlsafe()
        self._codes[code] = _Code(person, query, time.monotonic() + CODE_SECONDS)
        back = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query.get('state', '')})}"
        return Answer(HTTPStatus.FOUND, headers={"Location": back})

    def token(self, form: Mapping[str, str]) -> Answer:
        """Exchange a code, or a refresh token, for tokens (RFC 6749, sections 4.1.3 and 6)."""
        refusal = self.registration.refusal(form)
        if refusal is not None:
            return _refused(refusal)
        if form.get("grant_type") == "authorization_code":
            person = self._redeemed(form)
        else:
            person = self._refresh_tokens.pop(form.get("refresh_token", ""), None)
        if person is None:
            description = "The code or the refresh token is not known, was used before, or has expired."
            return _refused(Refusal("invalid_grant", description))
        refresh_token = secrets.token_urlsafe()
        self._refresh_tokens[refresh_token] = person
        tokens = {
            "token_type": "Bearer",
            "expires_in": TOKEN_MINUTES * 60,
            "scope": " ".join(self.consented),
            "access_token": self.mint(person, "access"),
            "id_token": self.mint(person, "id"),
            "refresh_token": refresh_token,
        }
        return _json(HTTPStatus.OK, tokens)

    def _redeemed(self, form: Mapping[str, str]) -> Person | None:
        code = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        given = {**form, "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
        if code is None or time.monotonic() > code.expires:
            return None
        matches = all(given.get(name) == code.asked[name] for name in ("client_id", "redirect_uri", "code_challenge"))
        return code.person if matches else None


def _is_local(query: Mapping[str, str]) -> bool:
    return urlsplit(query.get("redirect_uri", "")).hostname in ("127.0.0.1", "localhost")


def _document(status: HTTPStatus, body: str) -> Answer:
    document = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Local sign-in</title>'
        f'<body style="font:1.1rem/1.6 system-ui;max-width:40rem;margin:2rem auto">{body}</body></html>'
    )
    return Answer(status, document.encode(), "text/html; charset=utf-8")


def _refused(refusal: Refusal) -> Answer:
    return _json(HTTPStatus.BAD_REQUEST, refusal._asdict())


def _json(status: HTTPStatus, content: object) -> Answer:
    # The page is on another port, which is another origin.
    origin = {"Access-Control-Allow-Origin": "*"}
    return Answer(status, json.dumps(content).encode(), "application/json", origin)
