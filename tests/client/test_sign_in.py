"""Tokens: given, from a command, and from Entra for the audience that the service names."""

import sys
from pathlib import Path

import pytest

from accup.api.targets import Target
from accup.errors import NotPermittedError, UsageError
from accup.signin.audience import checked_scope
from accup.signin.credentials import SignIn, Token
from accup.signin.entra import EntraTokens
from accup.signin.tokens import Challenge
from tests.client.command import Command, folder_of
from tests.client.forwarding import ForwardingHandler, running
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


# Where several are given, the command line counts before the environment, and that before the profile.


def test_the_command_line_counts_before_the_environment_and_that_before_the_profile(
    accup: Command, authority: Authority, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(authority.token(roles=[READ_ALL]))
    good = f'"{sys.executable}" -c "print(open(r\'{token}\').read())"'
    assert accup.using(ACCUP_TOKEN="stale")("list", "--token-command", good).code == 0
    assert accup.using(ACCUP_TOKEN="stale", ACCUP_TOKEN_COMMAND=good)("list").code == 4, "the token, of two variables"
    chosen = accup.using(ACCUP_TOKEN_COMMAND=good)("list", "--credential", "environment")
    assert (chosen.code, "another" in chosen.err or "not Microsoft Entra" in chosen.err) == (4, True)

    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "profiles.toml").write_text(f"[default]\ntoken_command = '''{good}'''\n", "utf-8-sig")
    of_profile = accup.using(ACCUP_CONFIG_DIR=str(settings))
    assert of_profile("list").code == 0
    assert of_profile.using(ACCUP_TOKEN="stale")("list").code == 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("catalog = 'x'", "'x' is not a GUID"),
        ("definition = 'x'", "'x' is not a GUID"),
        ("credential = 'x'", "'x' is not a credential"),
        ("ca_cert = '/nowhere.pem'", "'/nowhere.pem' does not exist"),
        ("nonsense", "cannot be read"),
    ],
)
def test_a_profile_is_checked_by_name_and_does_not_stop_what_needs_none(
    accup: Command, tmp_path: Path, line: str, said: str
) -> None:
    (tmp_path / "profiles.toml").write_text(f"[default]\n{line}\n")
    broken = accup.using(ACCUP_CONFIG_DIR=str(tmp_path))
    ran = broken("list", "--json")
    assert ran.code == 2
    assert said in ran.json["error"]["message"]
    assert str(tmp_path / "profiles.toml") in ran.err
    assert broken("check", folder_of(tmp_path / "in", doors=access_file())).code == 0


def test_all_that_is_missing_is_told_at_once(accup: Command) -> None:
    ran = accup.using(ACCUP_URL=None, ACCUP_CATALOG=None)("list")
    assert ran.code == 2
    assert "--url, --catalog are missing" in ran.err


# A proxy gets nothing in clear.


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_service_on_this_machine_is_not_reached_through_a_proxy(
    accup: Command, authority: Authority, host: str
) -> None:
    seen: list[str] = []

    class Proxy(ForwardingHandler):
        """Notes what it gets."""

        def serve(self) -> None:
            seen.append(self.path)
            self.start_answer((403, [], b""))

    with running(Proxy) as proxy:
        variables = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"), proxy)
        url = (accup.environment["ACCUP_URL"]).replace("127.0.0.1", host)
        ran = accup.using(ACCUP_URL=url, ACCUP_TOKEN=authority.token(roles=[READ_ALL]), **variables)("list")
        assert ran.code == 0, ran.err
        assert seen == []
        other = accup.using(ACCUP_URL="http://uploads.invalid", ACCUP_TOKEN="a-token", ACCUP_RETRIES="0", **variables)
        ran = other("list")
        assert ran.code == 4
        assert "https only" in ran.err
        assert seen == []


# The audience is learned from the 401, if that proves it.


class Credential:
    """One that has a token for every scope. Those of azure-identity and msal are in ``test_login.py``."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def token(self, scope: str) -> Token:
        self.scopes.append(scope)
        return Token.lasting(f"token-{len(self.scopes)}", 3600)


def tokens_for(url: str, credential: Credential, scope: str | None = None) -> EntraTokens:
    return EntraTokens(Target.parse(url), SignIn(scope=scope), lambda _: credential)


def test_no_token_is_requested_before_the_service_asks() -> None:
    credential = Credential()
    assert tokens_for("https://uploads.contoso.com", credential).current() is None
    assert credential.scopes == []


def test_the_scope_of_the_challenge_is_requested_once() -> None:
    credential = Credential()
    tokens = tokens_for("https://uploads.contoso.com", credential)
    own = "https://uploads.contoso.com/.default"
    challenge = Challenge.of([f'Bearer realm="", authorization_uri="{LOGIN}", scope="{own}"'])
    assert tokens.answer(challenge, None)
    assert [tokens.current(), tokens.current()] == ["token-1", "token-1"]
    assert credential.scopes == [own]


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
    with pytest.raises(NotPermittedError, match="not an application of its own") as caught:
        checked_scope(Challenge(scope=scope), Target.parse("https://uploads.contoso.com"))
    assert f"--scope {scope}" not in str(caught.value), "the way around the guard is not handed over"


def test_a_scope_that_any_application_may_have_needs_a_person_s_word() -> None:
    with pytest.raises(NotPermittedError, match="nobody has confirmed"):
        checked_scope(Challenge(scope="api://victim/.default"), Target.parse("https://uploads.contoso.com"))


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
