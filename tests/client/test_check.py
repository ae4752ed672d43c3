"""``accup check``: the service's own validator on this machine."""

import json
import time
import zipfile
from pathlib import Path

import pytest

from bench.access_file import HEADER, write_rows
from local.service import ROOT
from tests.client.command import Command, folder_of
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Session


def test_good_files_end_with_0_and_bad_ones_with_3(installed: Command, tmp_path: Path) -> None:
    good = installed("check", folder_of(tmp_path / "good", doors=access_file(4)), "--json")
    bad = installed("check", folder_of(tmp_path / "bad", doors=faulty_access_file(5)), "--json")
    assert (good.code, bad.code) == (0, 3)
    assert (good.json["files"][0]["rows"], good.json["files"][0]["layout"]) == (4, "graph")
    assert [(each["line"], each["column"]) for each in bad.json["files"][0]["findings"]] == [(5, "permissionId")]


def test_it_says_what_the_service_says(installed: Command, session: Session) -> None:
    faulty = ROOT / "samples" / "crm-access-faulty.csv"
    local = installed("check", faulty, "--json").json["files"][0]["findings"]
    answer = session.upload(faulty.name, faulty.read_bytes())
    places = [f"line {each['line']}" + (f", {each['column']}" if each["column"] else "") for each in local]
    assert [(detail["code"], detail["message"], detail["target"]) for detail in answer.json()["error"]["details"]] == [
        (each["code"], each["message"], place) for each, place in zip(local, places, strict=True)
    ]


def test_the_wheel_has_the_service_s_source_unchanged(wheel: Path) -> None:
    source = ROOT / "shared" / "access_data"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("accup/access_data/")]
        packed = {name.removeprefix("accup/access_data/"): archive.read(name) for name in names}
    assert packed == {file.relative_to(source).as_posix(): file.read_bytes() for file in source.rglob("*.py")}


def test_warnings_refuse_nothing(installed: Command, tmp_path: Path) -> None:
    twice = access_file(1)
    twice += twice.splitlines(keepends=True)[1]
    ran = installed("check", folder_of(tmp_path / "in", doors=twice), "--json")
    assert ran.code == 0
    assert ran.json["files"][0]["warnings"][0]["code"] == "duplicatePermission"


@pytest.mark.parametrize("option", [[], ["--principal-type", "group"]], ids=["default", "given"])
def test_principal_types_can_be_given(installed: Command, tmp_path: Path, option: list[str]) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file().replace(b"EntraIdUser", b"Group"))
    assert installed("check", folder, *option).code == (0 if option else 3)


def test_control_characters_of_a_file_do_not_reach_the_terminal(installed: Command, tmp_path: Path) -> None:
    evil = access_file().replace(b"EntraIdUser", b"\x1b]0;owned\x07")
    ran = installed("check", folder_of(tmp_path / "in", doors=evil))
    assert ran.code == 3
    assert "\x1b" not in ran.out + ran.err
    assert "\x07" not in ran.out + ran.err


def test_half_a_million_rows_take_seconds(installed: Command, tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    write_rows(rows, 70_000_000)
    file = tmp_path / "large.csv"
    file.write_bytes(HEADER + rows.read_bytes())
    began = time.monotonic()
    ran = installed("check", file, "--json")
    assert time.monotonic() - began < 15
    assert ran.json["files"][0]["rows"] > 450_000


@pytest.mark.parametrize("name", ["excel", "sap", "mainframe", "ldap", "saas"])
def test_an_export_is_checked_under_its_declaration(installed: Command, name: str) -> None:
    exports = ROOT / "samples" / "exports"

    declared = installed("check", exports / f"{name}.csv", "--import", exports / f"{name}.json", "--json")

    assert (declared.code, declared.json["files"][0]["rows"]) == (0, 6)
    assert installed("check", exports / f"{name}.csv").code == 3


def test_a_bad_declaration_is_a_mistake_of_the_command(installed: Command, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    declaration = tmp_path / "import.json"
    for text, words in (("{", "JSON"), ('{"columns": {"login": "x"}}', "columns.login")):
        declaration.write_text(text)
        ran = installed("check", folder, "--import", declaration)
        assert ran.code == 2
        assert words in ran.err
    assert installed("check", folder, "--import", tmp_path / "missing.json").code == 2


def test_accounts_are_matched_with_a_directory_and_a_list_on_this_machine(
    installed: Command, tmp_path: Path, session: Session
) -> None:
    """As the service does it, by the same code: what it says of the same files is the same."""
    people = ROOT / "samples" / "people"
    known = ("--import", people / "wiki-import.json", "--directory", people / "directory.csv")
    whole = installed("check", people / "wiki-logins.csv", *known, "--accounts", people / "accounts.csv", "--json")
    assert whole.code == 0, whole.err
    (file,) = json.loads(whole.out)["files"]

    resource, http = session.resource, session.resource.http
    application = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}"
    text = {"Content-Type": "text/csv"}
    assert http.put("/v1.0/uploads/directory", content=(people / "directory.csv").read_bytes(), headers=text).is_success
    accounts = (people / "accounts.csv").read_bytes()
    assert http.put(f"{application}/accounts", content=accounts, headers=text).is_success
    declaration = json.loads((people / "wiki-import.json").read_bytes())
    assert http.put(f"{application}/import", json=declaration).is_success
    stored = session.uploaded("wiki-logins.csv", (people / "wiki-logins.csv").read_bytes())
    assert (file["rows"], len(file["warnings"])) == (stored["@uploads.rowCount"], stored["@uploads.warningCount"])

    without = installed("check", people / "wiki-logins.csv", *known, "--json")
    assert without.code == 3
    assert {each["code"] for each in json.loads(without.out)["files"][0]["findings"]} == {"unknownPrincipal"}

    broken = tmp_path / "directory.csv"
    broken.write_text("id,mail\nno-guid,ana@contoso.com\n")
    refused = installed(
        "check", people / "wiki-logins.csv", "--import", people / "wiki-import.json", "--directory", broken
    )
    assert refused.code == 2
    assert f"{broken}, line 2:" in refused.err
    alone = installed("check", people / "wiki-logins.csv", "--directory", people / "directory.csv")
    assert alone.code == 2
    assert "only with --import" in alone.err
