"""``accup check``: the service's own validator on this machine."""

import time
import zipfile
from pathlib import Path

import pytest

from accup.findings import ADVICE
from bench.access_file import HEADER, write_rows
from local.service import ROOT
from shared.access_data.codes import Code
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


def test_every_finding_and_warning_has_its_advice() -> None:
    assert set(ADVICE) == {code.value for code in Code}
