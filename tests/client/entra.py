"""Microsoft Entra as a client sees it: login.microsoftonline.com with TLS, behind a proxy that leads nowhere else.

The real libraries speak to it over real connections: ``HTTPS_PROXY`` leads them here, and ``ACCUP_CA_CERT`` makes them
trust its certificate. It is as strict as Entra: it refuses with Entra's codes ("Microsoft Entra authentication and
authorization error codes") what Entra refuses. Paths and parameters are those of the Microsoft identity platform
("OAuth 2.0 device authorization grant", "authorization code flow", "client credentials flow").
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

from accup.signin.person import AZURE_CLI
from tests.client.certificates import Authority as Certificates
from tests.client.forwarding import ForwardingHandler, running
from tests.support.authority import APP_ID_URI, Authority

HOST = "login.microsoftonline.com"
USER = "megan@contoso.com"
SCOPE = f"{APP_ID_URI}/.default"
_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class RefusalError(Exception):
    """An error of Entra: RFC 6749's code, and its own with a text."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": f"{description} Trace ID: 1 Correlation ID: 2"}


class Asked(NamedTuple):
    """A request for a token that was granted or refused."""

    tenant: str
    grant: str
    client_id: str
    scope: str


@dataclass
class Entra:
    """A tenant. ``mint`` makes access tokens for the application ``resource``, which ``clients`` may have."""

    tenant: str
    resource: str
    mint: Callable[[], str]
    clients: set[str] = field(default_factory=lambda: {AZURE_CLI})
    secrets: dict[str, str] = field(default_factory=dict)
    person: str = USER
    approves: bool = True
    asked: list[Asked] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    _device_codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    oid: str = field(default_factory=lambda: str(uuid4()))

    def get(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        """The answer to a GET: metadata, or the sign-in page, on which the person has picked an account already."""
        if path == "common/discovery/instance":
            return 200, {
                "tenant_discovery_endpoint": self._url("v2.0/.well-known/openid-configuration"),
                "metadata": [],
            }
        tenant, _, rest = path.partition("/")
        try:
            tenant = self._known(tenant)
            if rest == "v2.0/.well-known/openid-configuration":
                names = ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint")
                paths = ("oauth2/v2.0/authorize", "oauth2/v2.0/token", "oauth2/v2.0/devicecode")
                urls = [f"https://{HOST}/{tenant}/{each}" for each in paths]
                return 200, {"issuer": self._url("v2.0"), **dict(zip(names, urls, strict=True))}
            if rest == "oauth2/v2.0/authorize":
                self._check(query)
                back = urlsplit(query["redirect_uri"])
                if back.hostname != "localhost" or query.get("code_challenge_method") != "S256":
                    raise RefusalError("invalid_request", "AADSTS50011: The redirect URI does not match.")
                code = secrets.token_urlsafe()
                self._codes[code] = query
                answer = urlencode({"code": code, "state": query.get("state", "")})
                if query.get("response_mode") == "form_post":
                    # A page whose form a browser posts at once; Entra's has a field for each part.
                    return 200, f'<form action="{query["redirect_uri"]}" method="post" data-fields="{answer}">'
                return 302, f"{query['redirect_uri']}?{answer}"
        except RefusalError as refusal:
            return 400, refusal.body
        return 404, {}

    def post(self, path: str, form: Mapping[str, str]) -> tuple[int, Any]:
        """The answer to a POST of a form: a device code, or tokens."""
        tenant, _, rest = path.partition("/")
        grant = form.get("grant_type", "")
        self.asked.append(Asked(tenant, grant, form.get("client_id", ""), form.get("scope", "")))
        try:
            self._known(tenant)
            if rest == "oauth2/v2.0/devicecode":
                self._check(form)
                code = secrets.token_urlsafe()
                self._device_codes[code] = form
                page = "https://microsoft.com/devicelogin"
                said = f"To sign in, use a web browser to open the page {page} and enter the code ABCD to authenticate."
                return 200, {
                    "device_code": code,
                    "user_code": "ABCD",
                    "verification_uri": page,
                    "expires_in": 900,
                    "interval": 1,
                    "message": said,
                }
            if rest == "oauth2/v2.0/token":
                return 200, self._tokens(grant, form)
        except RefusalError as refusal:
            return 400, refusal.body
        return 404, {}

    def _tokens(self, grant: str, form: Mapping[str, str]) -> dict[str, Any]:
        client_id = form.get("client_id", "")
        begun: Mapping[str, str]
        if grant == "client_credentials":
            # A scope of an application's own permissions can only be .default.
            self._check(form, program=True)
            if self.secrets.get(client_id) != (form.get("client_secret") or form.get("client_assertion", "")):
                raise RefusalError("invalid_client", "AADSTS7000215: Invalid client secret provided.")
            return {"token_type": "Bearer", "expires_in": 3600, "access_token": self.mint()}
        if grant == _DEVICE_CODE:
            begun = self._device_codes.get(form.get("device_code", ""), {})
            if begun.get("client_id") != client_id:
                raise RefusalError("invalid_grant", "AADSTS70000: The device code is not known.")
            if not self.approves:
                raise RefusalError("authorization_declined", "AADSTS90094: The person has declined.")
            del self._device_codes[form["device_code"]]
        elif grant == "authorization_code":
            begun = self._codes.pop(form.get("code", ""), {})
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            given = {**form, "code_challenge": challenge}
            if any(given.get(name) != begun.get(name) for name in ("client_id", "code_challenge", "redirect_uri")):
                raise RefusalError("invalid_grant", "AADSTS70008: The code is not known, or its proof is wrong.")
        elif grant == "refresh_token":
            if self.refresh_tokens.get(form.get("refresh_token", "")) != client_id:
                raise RefusalError("invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.")
            self._check(form)
            begun = form
        else:
            raise RefusalError("unsupported_grant_type", "AADSTS70003: The grant is not supported.")
        renewal = secrets.token_urlsafe()
        self.refresh_tokens[renewal] = client_id
        claims = {
            "aud": client_id,
            "iss": self._url("v2.0"),
            "exp": 4_000_000_000,
            "iat": 1,
            "oid": self.oid,
            **({"nonce": begun["nonce"]} if "nonce" in begun else {}),
            "sub": self.oid,
            "tid": self.tenant,
            "preferred_username": self.person,
        }
        tokens = {
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": begun["scope"],
            "access_token": self.mint(),
            "refresh_token": renewal,
            "id_token": f"e30.{_part(claims)}.x",
        }
        if form.get("client_info") == "1":
            tokens["client_info"] = _part({"uid": self.oid, "utid": self.tenant})
        return tokens

    def _known(self, tenant: str) -> str:
        if tenant not in (self.tenant, "organizations"):
            raise RefusalError("invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
        return self.tenant

    def _check(self, form: Mapping[str, str], *, program: bool = False) -> None:
        """Check client and scope."""
        client_id = form.get("client_id", "")
        if client_id not in {AZURE_CLI, *self.clients, *self.secrets}:
            raise RefusalError("unauthorized_client", f"AADSTS700016: Application '{client_id}' was not found.")
        named = {each for each in form.get("scope", "").split() if each not in ("openid", "profile", "offline_access")}
        if named != {f"{self.resource}/.default"}:
            raise RefusalError(
                "invalid_resource", f"AADSTS500011: The resource principal of {min(named, default='')} was not found."
            )
        if client_id not in self.clients and not program:
            raise RefusalError(
                "invalid_grant", "AADSTS65001: The user or administrator has not consented to use the application."
            )

    def _url(self, rest: str) -> str:
        return f"https://{HOST}/{self.tenant}/{rest}"


def _part(claims: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


@contextmanager
def serving(entra: Entra, folder: Path) -> Iterator[None]:
    """Serve it; ``environment`` is what leads a command to it."""
    authority = Certificates(folder)
    context = authority.server(HOST)

    class Inside(BaseHTTPRequestHandler):
        """A request to Entra, inside of the tunnel."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._send(*entra.get(parts.path.strip("/"), dict(parse_qsl(parts.query))))

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._send(*entra.post(urlsplit(self.path).path.strip("/"), dict(parse_qsl(form))))

        def _send(self, status: int, answer: Any) -> None:
            is_page = isinstance(answer, str)
            body = answer.encode() if is_page else json.dumps(answer).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", answer)
            self.send_header("Content-Type", "text/html" if is_page else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Proxy(BaseHTTPRequestHandler):
        """The proxy: it notes every host that it is asked for."""

        def do_CONNECT(self) -> None:
            entra.hosts.append(self.path)
            if self.path != f"{HOST}:443":
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            with suppress(OSError), context.wrap_socket(self.connection, server_side=True) as tls:
                Inside(tls, self.client_address, self.server)

        def do_GET(self) -> None:
            entra.hosts.append(self.path)
            self.send_error(403)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the names that the base class calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    proxy = f"http://127.0.0.1:{server.server_port}"
    entra.environment = {
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
        "http_proxy": proxy,
        "ACCUP_CA_CERT": str(authority.file),
    }
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def naming(upstream: str, authority: Authority, scope: str = SCOPE, host: str = f"https://{HOST}") -> Iterator[str]:
    """The service, whose challenge names an Entra and a scope."""

    class Naming(ForwardingHandler):
        """Changes nothing but the challenge."""

        def serve(self) -> None:
            status, headers, content = self.forward(b"".join(self.pieces()))
            address = f"{host}/{authority.tenant_id}/oauth2/v2.0/authorize"
            challenge = f'Bearer realm="", authorization_uri="{address}", scope="{scope}"'
            headers = [(name, challenge if name.lower() == "www-authenticate" else value) for name, value in headers]
            self.start_answer((status, headers, content))
            self.wfile.write(content)

    Naming.upstream = upstream
    with running(Naming) as url:
        yield url
