"""``accup login`` and ``logout`` with the real libraries of Microsoft, and every command after them.

Only the network is not real: Entra behind a proxy (``tests/client/entra.py``), and a service that names that Entra.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from accup.commands.main import run
from accup.screen import Screen
from tests.client.command import Command, Ran, folder_of
from tests.client.entra import SCOPE, USER, Entra, naming
from tests.client.forwarding import ForwardingHandler, running
from tests.client.terminal import Terminal
from tests.support.access_files import access_file
from tests.support.authority import APP_ID_URI, Authority
from tests.support.client import Resource, http_client


@dataclass(frozen=True, slots=True)
class InThisProcess(Command):
    """The command without a process of its own, since each would import the libraries anew."""

    captured: pytest.CaptureFixture[str] | None = None

    def __call__(self, *arguments: str | Path, cwd: Path | None = None, seconds: float = 120) -> Ran:
        """Run it to its end."""
        assert self.captured is not None
        self.captured.readouterr()
        with patch.dict(os.environ, self.full_environment, clear=True):
            code = run(Screen(as_json="--json" in arguments), list(map(str, arguments)))
        return Ran(code, *self.captured.readouterr())


@pytest.fixture
def accup(
    installed: Command,
    guarded: str,
    entra: Entra,
    authority: Authority,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """The command for a resource of a service that requires tokens of Entra; nobody is signed in."""
    with naming(guarded, authority) as url, http_client(guarded) as http:
        settings = tmp_path / "settings"
        home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"}
        here = InThisProcess(installed.program, {}, capsys)
        yield here.on(Resource(http)).using(ACCUP_URL=url, ACCUP_CONFIG_DIR=str(settings), **home, **entra.environment)


def settings_of(accup: Command) -> Path:
    return Path(accup.environment["ACCUP_CONFIG_DIR"])


def stub_az(accup: Command, folder: Path, token: str) -> tuple[Command, Path]:
    """The command where ``az`` is signed in; the file has a line for each call of it."""
    calls = folder / "az-calls"
    az = folder / "bin" / "az"
    az.parent.mkdir()
    answer = json.dumps({"accessToken": token, "expiresOn": "2035-01-01 00:00:00.000000", "tokenType": "Bearer"})
    az.write_text(f"#!/bin/sh\necho \"$@\" >> '{calls}'\necho '{answer}'\n")
    az.chmod(0o755)
    calls.touch()
    return accup.using(PATH=f"{az.parent}{os.pathsep}{os.environ['PATH']}"), calls


# Signing in, and out.


def test_everything_works_after_a_login_until_the_logout(accup: Command, entra: Entra, tmp_path: Path) -> None:
    """No further question to a person, and no further token while the first is good."""
    signed_in = accup("login", "--scope", SCOPE)
    assert signed_in.code == 0, signed_in.err
    assert "https://microsoft.com/devicelogin" in signed_in.err
    assert f"Signed in as {USER} for {SCOPE}." in signed_in.err
    assert signed_in.out == ""
    asked = len(entra.asked)

    sent = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--complete", "--json")
    assert sent.code == 0, sent.err
    assert sent.json["status"] == "complete"
    assert accup("list").code == 0
    assert len(entra.asked) == asked
    shown = accup("login", "--status", "--json")
    assert shown.code == 0, shown.err
    (one,) = shown.json["signIns"]
    assert (one["user"], one["scope"], one["tenant"], one["valid"]) == (USER, SCOPE, entra.tenant, True)

    out = accup("logout", "--json")
    assert (out.code, out.json) == (0, {"signedOut": [accup.environment["ACCUP_URL"]]})
    kept = b"".join(path.read_bytes() for path in settings_of(accup).iterdir() if path.is_file())
    assert not [token for token in entra.refresh_tokens if token.encode() in kept]
    assert accup("login", "--status").code == 4
    assert accup("list").code == 4
    assert accup("logout").code == 0


def test_the_browser_signs_in_too(accup: Command, entra: Entra, tmp_path: Path) -> None:
    """The browser is a program that follows the redirect, or posts the form, to where the client listens."""
    script, follow = tmp_path / "browser.py", tmp_path / "browser"
    script.write_text(_BROWSER)
    follow.write_text(f'#!/bin/sh\n"{sys.executable}" "{script}" "$1"\n')
    follow.chmod(0o755)
    alone = Command(accup.program, accup.environment)
    ran = alone.using(BROWSER=f"{follow} %s &")("login", "--scope", SCOPE, "--credential", "browser", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["user"] == USER
    assert [each.grant for each in entra.asked] == ["authorization_code"]
    assert accup("list").code == 0


_BROWSER = """
import http.client, os, re, ssl, sys
from urllib.parse import urlsplit
page = urlsplit(sys.argv[1])
tls = ssl.create_default_context(cafile=os.environ["ACCUP_CA_CERT"])
host, port = os.environ["HTTPS_PROXY"].removeprefix("http://").split(":")
connection = http.client.HTTPSConnection(host, int(port), context=tls)
connection.set_tunnel(page.hostname, 443)
connection.request("GET", f"{page.path}?{page.query}")
answer = connection.getresponse()
form = re.search('action="(.*?)" method="post" data-fields="(.*?)"', answer.read().decode())
to = urlsplit(form[1] if form else answer.headers["Location"])
back = http.client.HTTPConnection(to.hostname, to.port)
if form:
    back.request("POST", "/", form[2], {"Content-Type": "application/x-www-form-urlencoded"})
else:
    back.request("GET", f"/?{to.query}")
back.getresponse().read()
"""


def test_a_login_can_be_that_of_az(accup: Command, authority: Authority, entra: Entra, tmp_path: Path) -> None:
    accup, calls = stub_az(accup, tmp_path, authority.token())
    ran = accup("login", "--scope", SCOPE, "--credential", "cli")
    assert ran.code == 0, ran.err
    assert accup("list").code == 0
    assert entra.asked == []
    for call in calls.read_text().splitlines():
        assert f"--tenant {authority.tenant_id}" in call
        assert f"--resource {APP_ID_URI}" in call


def test_what_is_kept_is_for_the_user_only(accup: Command) -> None:
    """This machine has no keyring."""
    ran = accup("login", "--scope", SCOPE)
    file = settings_of(accup) / "tokens.json"
    assert f"the tokens are in {file}" in ran.err
    assert file.stat().st_mode & 0o077 == 0
    assert settings_of(accup).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["", "nonsense", "[]", '{"https://x": 5}'])
def test_a_damaged_file_says_what_to_do_and_a_login_repairs_it(accup: Command, damage: str) -> None:
    assert accup("login", "--scope", SCOPE).code == 0
    (settings_of(accup) / "sign-ins.json").write_text(damage)
    ran = accup("list", "--json")
    assert ran.code == 2
    assert "Remove it, and sign in again" in ran.err
    (settings_of(accup) / "sign-ins.json").unlink()
    (settings_of(accup) / "tokens.json").write_text("nonsense")
    assert accup("list").code == 4
    assert accup("login", "--scope", SCOPE).code == 0
    assert accup("list").code == 0


def test_an_expired_sign_in_says_so(accup: Command, entra: Entra) -> None:
    assert accup("login", "--scope", SCOPE).code == 0
    tokens = settings_of(accup) / "tokens.json"
    kept = json.loads(tokens.read_text())
    kept.pop("AccessToken")
    tokens.write_text(json.dumps(kept))
    renewed = accup("list")
    assert renewed.code == 0, renewed.err
    assert entra.asked[-1].grant == "refresh_token"

    kept = json.loads(tokens.read_text())
    kept.pop("AccessToken")
    tokens.write_text(json.dumps(kept))
    entra.refresh_tokens.clear()
    ran = accup("list", "--json")
    assert ran.code == 4
    assert "AADSTS700082" in ran.err
    assert "accup login" in ran.err
    status = accup("login", "--status", "--json")
    assert (status.code, status.json["signIns"][0]["valid"]) == (4, False)


# A person confirms the application, once.


def test_a_person_confirms_the_application(accup: Command, entra: Entra) -> None:
    with Terminal(accup, "login") as terminal:
        screen = terminal.wait_for(lambda text: "[y/N]" in text)
        assert SCOPE in screen.replace("\n", "")
        assert entra.asked == []
        terminal.type("y\n")
        assert terminal.end() == 0
    assert accup("list").code == 0
    with Terminal(accup, "login") as again:
        assert again.end() == 0
    assert "[y/N]" not in again.text, "the same question is asked once"


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_who_does_not_confirm_is_not_signed_in(accup: Command, entra: Entra, answer: str) -> None:
    with Terminal(accup, "login") as terminal:
        terminal.wait_for(lambda text: "[y/N]" in text)
        terminal.type(answer)
        assert terminal.end() == 2
    assert entra.asked == []
    assert accup("login", "--status").code == 4


def test_without_a_terminal_the_scope_must_be_given(accup: Command, entra: Entra) -> None:
    ran = accup("login", "--json")
    assert ran.code == 2
    assert f"--scope {SCOPE}" in ran.json["error"]["message"]
    assert entra.asked == []


def test_a_service_gets_no_token_for_an_application_that_nobody_confirmed(
    accup: Command, authority: Authority, entra: Entra, guarded: str, tmp_path: Path
) -> None:
    """Whatever it asks for, and although az would give one."""
    accup, calls = stub_az(accup, tmp_path, authority.token())
    for scope in (
        "api://victim/.default",
        "https://graph.microsoft.com/.default",
        f"{'0' * 8}/.default",
        "x[y/.default",
    ):
        with naming(guarded, authority, scope) as url:
            for arguments in (("list",), ("list", "--credential", "cli"), ("login",)):
                ran = accup.using(ACCUP_URL=url)(*arguments, "--json")
                assert ran.code in (2, 4)
                assert ran.json["error"]["message"]
    assert calls.read_text() == ""
    assert entra.asked == []


def test_a_confirmed_service_cannot_change_its_application_or_lend_it(
    accup: Command, authority: Authority, entra: Entra, guarded: str
) -> None:
    assert accup("login", "--scope", SCOPE).code == 0
    with naming(guarded, authority, "api://victim/.default") as other:
        # Another address of the same machine is another service.
        assert accup.using(ACCUP_URL=other)("list").code == 4
        path = settings_of(accup) / "sign-ins.json"
        path.write_text(path.read_text().replace(accup.environment["ACCUP_URL"] or "", other))
        assert accup.using(ACCUP_URL=other)("list").code == 0, "the one that was confirmed is still asked for"
    assert {each.scope.split()[0] for each in entra.asked if each.scope} == {SCOPE}


# What Entra refuses, in words.


@pytest.mark.parametrize(
    ("options", "code", "advice"),
    [
        (("--tenant", "other.example"), None, ""),
        (("--client-id", "5b1f3f0e-7c58-4d0b-9a57-0a4f2d8c6e11"), "AADSTS700016", "--client-id"),
        (("--scope", "api://other/.default"), "AADSTS500011", "--scope"),
        (("--tenant", "my tenant"), None, ""),
    ],
)
def test_what_entra_refuses_is_said_with_what_to_do(
    accup: Command, options: tuple[str, ...], code: str | None, advice: str
) -> None:
    ran = accup("login", "--scope", SCOPE, *options, "--json")
    assert ran.code == 4
    assert "The sign-in failed: " in ran.err
    assert "Traceback" not in ran.err
    assert "Trace ID" not in ran.err
    assert (code or "") in ran.err
    assert advice in ran.err


def test_a_client_that_was_not_allowed_says_whom_to_ask(accup: Command, entra: Entra) -> None:
    entra.clients.clear()
    ran = accup("login", "--scope", SCOPE)
    assert ran.code == 4
    assert "AADSTS65001" in ran.err
    assert "administrator" in ran.err


def test_a_person_who_declines_is_not_signed_in(accup: Command, entra: Entra) -> None:
    entra.approves = False
    assert accup("login", "--scope", SCOPE).code == 4
    assert not (settings_of(accup) / "sign-ins.json").exists()


def test_a_certificate_of_nobody_known_is_said(accup: Command) -> None:
    ran = accup.using(ACCUP_CA_CERT=None)("login", "--scope", SCOPE)
    assert ran.code == 4
    assert "--ca-cert" in ran.err


def test_a_service_without_authentication_has_nothing_to_sign_in_to(accup: Command, service: str) -> None:
    ran = accup.using(ACCUP_URL=service)("login")
    assert ran.code == 4
    assert "requires no authentication" in ran.err


def test_a_service_with_another_issuer_than_entra_gets_no_sign_in(accup: Command, guarded: str) -> None:
    ran = accup.using(ACCUP_URL=guarded)("login")
    assert ran.code == 4
    assert "not Microsoft Entra" in ran.err


# Everything else that can sign in.


def test_nobody_signed_in_is_one_message_without_a_log(accup: Command) -> None:
    """And what each of azure-identity's ways said."""
    ran = accup.using(AZURE_TOKEN_CREDENTIALS="dev", ACCUP_SCOPE=SCOPE)("list", "--json")
    assert ran.code == 4
    assert "AzureCli: Azure CLI not found" in ran.err
    assert ran.err.count("Azure CLI not found") == 1
    assert "accup login" in ran.err


@pytest.mark.parametrize("kind", ["auto", "cli"])
def test_az_is_asked_in_the_tenant_of_the_service(
    accup: Command, authority: Authority, tmp_path: Path, kind: str
) -> None:
    """The scope is the user's word, and the tenant that of the service: a guest's own tenant would be the wrong one."""
    accup, calls = stub_az(accup, tmp_path, "not-for-this-tenant")
    assert accup.using(ACCUP_SCOPE=SCOPE)("list", "--credential", kind).code == 4
    first, second = calls.read_text().splitlines()
    assert "--tenant" not in first
    assert f"--tenant {authority.tenant_id}" in second
    calls.write_text("")
    accup.using(ACCUP_SCOPE=SCOPE)("list", "--credential", kind, "--tenant", "mine.example")
    assert all("--tenant mine.example" in call for call in calls.read_text().splitlines())


def test_an_environment_of_a_program_signs_in(accup: Command, entra: Entra) -> None:
    client = "5b1f3f0e-7c58-4d0b-9a57-0a4f2d8c6e12"
    entra.secrets[client] = "a-secret"
    program = accup.using(
        AZURE_CLIENT_ID=client, AZURE_TENANT_ID=entra.tenant, AZURE_CLIENT_SECRET="a-secret", ACCUP_SCOPE=SCOPE
    ).using(AZURE_TOKEN_CREDENTIALS=None)
    for kind in ("environment", "auto"):
        ran = program("list", "--credential", kind)
        assert ran.code == 0, ran.err
    wrong = program.using(AZURE_CLIENT_SECRET="another")("list", "--credential", "environment", "--json")
    assert wrong.code == 4
    assert "AADSTS7000215" in wrong.err


def test_a_workload_identity_signs_in(accup: Command, entra: Entra, tmp_path: Path) -> None:
    client = "5b1f3f0e-7c58-4d0b-9a57-0a4f2d8c6e12"
    entra.secrets[client] = "an-assertion"
    (tmp_path / "assertion").write_text("an-assertion")
    pod = accup.using(AZURE_FEDERATED_TOKEN_FILE=str(tmp_path / "assertion"), ACCUP_SCOPE=SCOPE)
    ran = pod("list", "--credential", "workload-identity", "--client-id", client, "--tenant", entra.tenant)
    assert ran.code == 0, ran.err
    without = accup.using(ACCUP_SCOPE=SCOPE)("list", "--credential", "workload-identity", "--json")
    assert without.code == 4
    assert "No token for" in without.err


def test_a_managed_identity_signs_in(accup: Command, authority: Authority) -> None:
    """That of App Service: an endpoint of this machine ("How to use managed identities for App Service")."""
    asked: list[str] = []

    class Endpoint(ForwardingHandler):
        """Knows one identity."""

        def serve(self) -> None:
            asked.append(self.path)
            known = self.headers["X-IDENTITY-HEADER"] == "a-header" and "client_id=known" in self.path
            body = {"access_token": authority.token(), "expires_on": "4000000000", "resource": APP_ID_URI}
            answer = json.dumps(body if known else {"error": "invalid_request"}).encode()
            self.start_answer((200 if known else 400, [("Content-Type", "application/json")], answer))
            self.wfile.write(answer)

    with running(Endpoint) as url:
        app = accup.using(IDENTITY_ENDPOINT=url, IDENTITY_HEADER="a-header", ACCUP_SCOPE=SCOPE, NO_PROXY="127.0.0.1")
        for kind in ("managed-identity", "auto"):
            ran = app.using(AZURE_TOKEN_CREDENTIALS=None)("list", "--credential", kind, "--client-id", "known")
            assert ran.code == 0, ran.err
        assert app("list", "--credential", "managed-identity", "--client-id", "unknown").code == 4
    assert all(f"resource={APP_ID_URI}&" in path for path in asked), asked
