"""``accup login``: a real 401 of the service, and a stand-in for the credentials of azure-identity."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import azure.identity
import pytest

from accup.commands.main import cli, failed
from accup.errors import AccupError
from accup.screen.console import Screen
from accup.signin.credentials import SignIn, credential
from tests.support.authority import APP_ID_URI, AUDIENCE
from tests.support.invariants import Storage
from tests.support.service import running_service

TENANT = str(uuid4())
OWN_SCOPE = f"{APP_ID_URI}/.default"
USER = "megan@contoso.com"


class Person:
    """What azure-identity's credentials of a person are made with, and asked for."""

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.scopes: list[str] = []
        self.fault: Exception | None = None

    def credential(self, kind: str) -> Callable[..., SimpleNamespace]:
        def make(**options: Any) -> SimpleNamespace:
            self.made.append((kind, options))
            return SimpleNamespace(authenticate=self._authenticate)

        return make

    def _authenticate(self, *, scopes: list[str]) -> azure.identity.AuthenticationRecord:
        if self.fault is not None:
            raise self.fault
        self.scopes += scopes
        return azure.identity.AuthenticationRecord(TENANT, "client", "login.microsoftonline.com", "home", USER)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """The person at the keyboard."""
    someone = Person()
    for kind in ("DeviceCodeCredential", "InteractiveBrowserCredential"):
        monkeypatch.setattr(azure.identity, kind, someone.credential(kind))
    return someone


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that remembers who signed in."""
    monkeypatch.setenv("ACCUP_CONFIG_DIR", str(tmp_path / "settings"))
    return tmp_path / "settings" / "sign-in.json"


@pytest.fixture(scope="module")
def of_entra(storage: Storage) -> Iterator[str]:
    """A service that accepts tokens of Microsoft Entra itself; nobody has one here."""
    with running_service(storage.connection_string, auth="entra", tenant_id=TENANT, audience=AUDIENCE) as url:
        yield url


@pytest.fixture(autouse=True)
def _our_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """``main`` ends its process, which is that of the tests here."""
    monkeypatch.setattr("accup.commands.main._end", sys.exit)


def accup(*arguments: str) -> int:
    """The command's exit code. Not by ``main``, which ends the process."""
    try:
        return int(cli.main(arguments, prog_name="accup", standalone_mode=False))
    except AccupError as error:
        return failed(Screen(as_json="--json" in arguments), error)


@pytest.mark.parametrize(
    ("options", "kind"),
    [((), "DeviceCodeCredential"), (("--credential", "browser"), "InteractiveBrowserCredential")],
)
def test_a_person_signs_in_for_what_the_service_names_and_is_remembered(
    of_entra: str,
    person: Person,
    record: Path,
    options: tuple[str, ...],
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert accup("login", "--url", of_entra, *options) == 0

    assert capsys.readouterr().err == f"Signed in as {USER} for {OWN_SCOPE}.\n"
    ((made, settings),) = person.made
    assert (made, settings["tenant_id"], settings["authority"]) == (kind, TENANT, "https://login.microsoftonline.com")
    assert person.scopes == [OWN_SCOPE]
    remembered = azure.identity.AuthenticationRecord.deserialize(record.read_text())
    assert remembered.username == USER

    credential(SignIn(record=record))

    _, later = person.made[-1]
    assert later["authentication_record"].username == USER
    assert later["disable_automatic_authentication"], "a command in a pipeline must not wait for a person"


def test_the_result_is_one_json_object(
    of_entra: str, person: Person, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert accup("login", "--url", of_entra, "--json") == 0

    assert json.loads(capsys.readouterr().out) == {"user": USER, "scope": OWN_SCOPE}


@pytest.mark.parametrize(
    ("url", "options", "scope"),
    [
        ("https://graph.microsoft.com/v1.0", (), "https://graph.microsoft.com/.default"),
        ("https://uploads.invalid", ("--scope", "api://given/.default"), "api://given/.default"),
    ],
)
def test_a_service_whose_scope_is_known_is_not_asked(
    person: Person, record: Path, url: str, options: tuple[str, ...], scope: str
) -> None:
    assert accup("login", "--url", url, "--tenant", TENANT, *options) == 0

    assert person.scopes == [scope]
    assert person.made[0][1]["tenant_id"] == TENANT


def test_a_sign_in_that_fails_is_not_permitted_and_not_remembered(
    of_entra: str, person: Person, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person.fault = ValueError("the code has expired\nand a trace that says no more")

    assert accup("login", "--url", of_entra) == 4

    assert capsys.readouterr().err == "accup: The sign-in failed: the code has expired\n"
    assert not record.exists()


def test_a_service_without_authentication_has_nothing_to_sign_in_to(
    service: str, person: Person, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert accup("login", "--url", service) == 4

    assert "requires no authentication" in capsys.readouterr().err
    assert person.made == []


def test_a_service_with_another_issuer_than_entra_gets_no_sign_in(
    guarded: str, person: Person, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert accup("login", "--url", guarded) == 4

    assert "not Microsoft Entra" in capsys.readouterr().err
    assert person.made == []
