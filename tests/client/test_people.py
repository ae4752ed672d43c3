"""``accup directory`` and ``accup accounts``, against the real service."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from local.azurite import azurite
from local.service import ROOT
from tests.client.command import Command
from tests.support.service import running_service

PEOPLE = ROOT / "samples" / "people"


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service of its own: it has one directory."""
    with azurite(tmp_path_factory.mktemp("azurite")) as own, running_service(own.connection_string) as url:
        yield url


@pytest.fixture
def accup(installed: Command, own_service: str) -> Command:
    return installed.at(own_service)


def test_a_directory_is_put_shown_and_deleted(accup: Command, tmp_path: Path) -> None:
    assert accup("directory", "show").code == 4
    told = accup("directory", "put", PEOPLE / "directory.csv", "--json").json
    assert (told["users"], [each["name"] for each in told["attributes"]][:2]) == (300, ["UserPrincipalName", "Mail"])
    shown = accup("directory", "show")
    assert "300 users" in shown.out
    assert "EmployeeId" in shown.out
    assert accup("directory", "show", "--json").json == told
    large = tmp_path / "large.csv"
    large.write_text("id,mail,more\n" + "".join(f"{uuid4()},x{row}@x.example,{'y' * 60}\n" for row in range(20_000)))
    assert accup("directory", "put", large, "--json").json["users"] == 20_000
    assert accup("directory", "delete").code == 0
    assert accup("directory", "delete").code == 4


def test_a_faulty_directory_is_told_with_its_line_and_changes_nothing(accup: Command, tmp_path: Path) -> None:
    accup("directory", "put", PEOPLE / "directory.csv")
    faulty = tmp_path / "users.csv"
    faulty.write_text("id,mail\nnobody,x\n")
    refused = accup("directory", "put", faulty)
    assert refused.code == 3
    assert "line 2, id" in refused.err
    assert accup("directory", "show", "--json").json["users"] == 300
    assert accup("directory", "put", tmp_path / "missing.csv").code == 2


def test_a_list_of_accounts_is_put_shown_added_to_and_deleted(accup: Command, tmp_path: Path) -> None:
    assert accup("accounts", "show").code == 4
    assert accup("accounts", "put", PEOPLE / "accounts.csv", "--json").json == {"accountCount": 4}
    shown = accup("accounts", "show")
    assert "svc-wiki-backup,-" in shown.out.splitlines()
    more, person = tmp_path / "more.csv", str(uuid4())
    more.write_text(f"account;principalId\nVENDOR17;{person}\nnew;-\n")
    assert accup("accounts", "add", more, "--json").json == {"accountCount": 5}
    lines = accup("accounts", "show").out.splitlines()
    assert f"VENDOR17,{person}" in lines
    assert "svc-wiki-backup,-" in lines
    assert not [line for line in lines if line.startswith("vendor17")]
    assert accup("accounts", "delete").code == 0
    assert accup("accounts", "add", more, "--json").json == {"accountCount": 2}


def test_accounts_that_the_service_would_refuse_are_not_added(accup: Command, tmp_path: Path) -> None:
    accup("accounts", "put", PEOPLE / "accounts.csv")
    faulty = tmp_path / "faulty.csv"
    faulty.write_text("account,principalId\nx,\n")
    for command, code in (("add", 2), ("put", 3)):
        refused = accup("accounts", command, faulty)
        assert refused.code == code
        assert "line 2, principalId" in refused.err
    assert len(accup("accounts", "show").out.splitlines()) == 5
