"""Tokens: given, from a command, and from Entra for the audience that the service names."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from accup.api.targets import Target
from accup.errors import NotPermittedError, UsageError
from accup.signin.challenge import Challenge
from accup.signin.credentials import SignIn
from accup.signin.entra import EntraTokens, checked_scope
from tests.client.command import Command, folder_of
from tests.support.access_files import access_file
from tests.support.authority import READ_ALL, READ_WRITE_ALL, Authority
from tests.support.client import Resource, http_client

LOGIN = "https://login.microsoftonline.com/7e4a7e4a-0000-4000-8000-000000000001/oauth2/v2.0/authorize"


@pytest.fixture
def accup(installed: Command, guarded: str) -> Command:
    """The command for a resource of a service that requires tokens."""
    with http_client(guarded) as http:
        return installed.on(Resource(http))


def test_a_token_is_used(accup: Command, authority: Authority, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    token = authority.token(roles=[READ_WRITE_ALL])
    ran = accup.using(ACCUP_TOKEN=token)("send", folder, "--complete", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "complete"


def test_a_token_command_is_used(accup: Command, authority: Authority, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(authority.token(roles=[READ_WRITE_ALL]))
    command = f'"{sys.executable}" -c "print(open(r\'{token}\').read())"'
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--token-command", command)
    assert ran.code == 0, ran.err


def test_without_a_token_it_is_not_permitted(accup: Command, tmp_path: Path) -> None:
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--json")
    assert ran.code == 4
    assert ran.json["session"] is None
    assert "--token" in ran.last_line + ran.err


@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
def test_a_bad_token_is_not_permitted(accup: Command, token: str) -> None:
    assert accup.using(ACCUP_TOKEN=token)("list").code == 4


def test_a_reader_may_not_send(accup: Command, authority: Authority, tmp_path: Path) -> None:
    reader = accup.using(ACCUP_TOKEN=authority.token(roles=[READ_ALL]))
    assert reader("list").code == 0
    assert reader("send", folder_of(tmp_path / "in", doors=access_file())).code == 4


def test_a_failing_token_command_is_not_permitted(accup: Command) -> None:
    ran = accup("list", "--token-command", f'"{sys.executable}" -c "raise SystemExit(7)"')
    assert ran.code == 4
    assert "exit code 7" in ran.err


# The audience is learned from the 401.


class Credential:
    """Stands in for azure-identity: it has a token for every scope."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, scope: str) -> SimpleNamespace:
        self.scopes.append(scope)
        return SimpleNamespace(token=f"token-{len(self.scopes)}", expires_on=int(time.time()) + 3600)


def tokens_for(url: str, credential: Credential, scope: str | None = None) -> EntraTokens:
    return EntraTokens(Target.parse(url), SignIn(scope=scope), lambda _: credential)


def test_no_token_is_requested_before_the_service_asks() -> None:
    credential = Credential()
    assert tokens_for("https://uploads.contoso.com", credential).current() is None
    assert credential.scopes == []


def test_the_scope_of_the_challenge_is_requested_once() -> None:
    credential = Credential()
    tokens = tokens_for("https://uploads.contoso.com", credential)
    challenge = Challenge.of([f'Bearer realm="", authorization_uri="{LOGIN}", scope="api://uploads/.default"'])
    assert tokens.answer(challenge, None)
    assert [tokens.current(), tokens.current()] == ["token-1", "token-1"]
    assert credential.scopes == ["api://uploads/.default"]


def test_a_refused_token_is_replaced_by_a_new_one() -> None:
    credential = Credential()
    tokens = tokens_for("https://uploads.contoso.com", credential, scope="api://uploads/.default")
    assert tokens.current() == "token-1"
    assert tokens.answer(Challenge(), "token-1")
    assert tokens.current() == "token-2"
    assert tokens.answer(Challenge(), "token-1"), "another thread has got a new one"
    assert tokens.current() == "token-2"


def test_graph_s_audience_is_known() -> None:
    credential = Credential()
    assert tokens_for("https://graph.microsoft.com/v1.0", credential).current() == "token-1"
    assert credential.scopes == ["https://graph.microsoft.com/.default"]


def test_the_tenant_comes_from_the_challenge() -> None:
    challenge = Challenge.of([f'Bearer authorization_uri="{LOGIN}", scope="api://uploads/.default"'])
    assert SignIn().of_tenant(challenge).tenant == "7e4a7e4a-0000-4000-8000-000000000001"
    assert SignIn(tenant="mine").of_tenant(challenge).tenant == "mine"


@pytest.mark.parametrize(
    "scope",
    [
        "https://graph.microsoft.com/.default",
        "https://vault.azure.net/.default",
        "00000003-0000-0000-c000-000000000000/.default",
        "https://uploads.contoso.com.evil.example/.default",
    ],
)
def test_a_scope_of_another_service_is_refused(scope: str) -> None:
    with pytest.raises(NotPermittedError, match="not an audience of its own"):
        checked_scope(Challenge(scope=scope), Target.parse("https://uploads.contoso.com"))


def test_an_authority_that_is_not_entra_is_refused() -> None:
    challenge = Challenge(scope="api://x/.default", authority="https://login.evil.example", tenant="t")
    with pytest.raises(NotPermittedError, match="not Microsoft Entra"):
        checked_scope(challenge, Target.parse("https://uploads.contoso.com"))


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://a.example", "https://a.example/v1.0"),
        ("https://a.example/", "https://a.example/v1.0"),
        ("https://a.example/beta", "https://a.example/beta"),
        ("http://127.0.0.1:7071/v1.0/identityGovernance/entitlementManagement", "http://127.0.0.1:7071/v1.0"),
        ("https://gateway.example/uploads", "https://gateway.example/uploads/v1.0"),
    ],
)
def test_a_url_may_be_given_with_or_without_its_version(given: str, base: str) -> None:
    assert Target.parse(given).base == base


@pytest.mark.parametrize("url", ["a.example", "ftp://a.example", "https://user:secret@a.example", "https://a?x=1", ""])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Target.parse(url)
