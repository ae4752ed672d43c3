"""Nothing is left out in silence: warnings, what in a folder was not sent, and lists that are cut."""

import os
from pathlib import Path

import pytest

from tests.client.command import Command, folder_of
from tests.client.graph_stand_in import graph_stand_in
from tests.client.terminal import Terminal
from tests.support.access_files import access_file
from tests.support.client import Resource

NOBODY = access_file(0)
"""A header without rows: it says that nobody has access."""


def test_warnings_of_the_service_are_in_the_receipt(accup: Command, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=NOBODY, badges=access_file())
    ran = accup("send", folder, "--json")
    badges, doors = ran.json["files"]
    assert (ran.code, doors["warningCount"], badges["warningCount"]) == (0, 1, 0)
    assert doors["warnings"][0]["code"] == "noRows"
    # Also of a file that an earlier run has sent, and in words.
    again = accup("send", folder, "--complete")
    assert again.code == 0, again.err
    assert "doors.csv: 1 warning" in again.out
    assert "nobody has access" in " ".join(again.out.split())
    assert "accepted and verified, with 1 warning" in again.last_line


def test_warnings_are_shown_before_the_question(accup: Command, tmp_path: Path) -> None:
    with Terminal(accup, "send", folder_of(tmp_path / "in", doors=NOBODY)) as terminal:
        seen = terminal.wait_for(lambda text: "[y/N]" in text)
        assert "doors.csv: 1 warning" in seen
        assert "with 1 warning (see above)" in " ".join(seen.split())


def test_warnings_of_this_machine_count_where_the_service_makes_none(installed: Command, tmp_path: Path) -> None:
    with graph_stand_in() as graph:
        ran = installed.at(graph.url)("send", folder_of(tmp_path / "in", doors=NOBODY), "--complete", "--json")
    assert (ran.code, ran.json["files"][0]["warnings"][0]["code"]) == (0, "noRows"), ran.err


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with all that may lie in one."""
    folder = folder_of(tmp_path / "mixed", doors=access_file())
    folder_of(folder / "sub", badges=access_file())
    folder_of(folder / "sub" / "deep", gates=access_file())
    for name in ("list.xlsx", "old.csv.gz", ".hidden.csv"):
        (folder / name).write_bytes(b"x")
    (folder / "upper.CSV").write_bytes(access_file())
    (folder / "gone.csv").symlink_to(folder / "nowhere")
    (folder / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.csv")
    return folder


REASONS = {
    ".hidden.csv": "it is hidden",
    "elsewhere": "it is a link to a folder",
    "gone.csv": "it is a link that leads nowhere",
    "list.xlsx": "its name does not match *.csv",
    "old.csv.gz": "its name does not match *.csv",
    "pipe.csv": "it is not a file",
    "sub": "it is a folder (--recursive goes into it)",
}


@pytest.mark.parametrize("command", ["send", "check"])
def test_what_is_left_out_of_a_folder_is_named_with_the_reason(accup: Command, mixed: Path, command: str) -> None:
    ran = accup(command, mixed, "--json")
    assert ran.code == 0, ran.err
    assert [file["name"] for file in ran.json["files"]] == ["doors.csv", "upper.CSV"]
    assert {Path(each["path"]).name: each["reason"] for each in ran.json["skipped"]} == REASONS
    shown = accup(command, mixed)
    assert f"Left out, since its name does not match *.csv: {mixed}/list.xlsx, {mixed}/old.csv.gz" in shown.err
    assert f"(--recursive goes into it): {mixed}/sub" in shown.err


def test_a_folder_s_folders_are_gone_into_on_request(accup: Command, mixed: Path, resource: Resource) -> None:
    ran = accup("send", mixed, "--recursive", "--json")
    assert ran.code == 0, ran.err
    (session,) = resource.ids()
    assert sorted(resource.session(session).file_names()) == ["badges.csv", "doors.csv", "gates.csv", "upper.CSV"]
    assert {Path(each["path"]).name for each in ran.json["skipped"]} == set(REASONS) - {"sub"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["-r", "--exclude", "sub/deep/*"], ["badges.csv", "doors.csv", "upper.CSV"]),
        (["-r", "--exclude", "*S.csv"], ["upper.CSV"]),
        (["--include", "d*.csv"], ["doors.csv"]),
        (["-r", "--include", "d*.csv", "--include", "sub/*.csv"], ["badges.csv", "doors.csv", "gates.csv"]),
    ],
)
def test_patterns_choose(installed: Command, mixed: Path, options: list[str], names: list[str]) -> None:
    ran = installed("check", mixed, *options, "--json")
    assert [file["name"] for file in ran.json["files"]] == names


def test_two_files_of_the_same_name_are_refused(installed: Command, mixed: Path) -> None:
    folder_of(mixed / "sub", doors=access_file())
    ran = installed("check", mixed, "-r")
    assert ran.code == 2
    assert "Two files are named 'doors.csv'" in ran.err


def test_a_folder_without_a_file_to_take_says_what_it_has(installed: Command, tmp_path: Path) -> None:
    folder_of(tmp_path / "in" / "sub", doors=access_file())
    ran = installed("check", tmp_path / "in")
    assert ran.code == 2
    assert "sub is left out, since it is a folder (--recursive goes into it)" in ran.err


def test_an_audit_that_is_cut_says_so(accup: Command, resource: Resource) -> None:
    for _ in range(3):
        resource.new_session()
    whole, cut = (accup("audit", "--limit", limit, "--json").json for limit in ("3", "2"))
    assert (len(whole["records"]), whole["more"]) == (3, False)
    assert (len(cut["records"]), cut["more"]) == (2, True)
    assert "the first 2 records, and there are more" in accup("audit", "--limit", "2").err


def test_a_service_without_an_audit_says_so(installed: Command) -> None:
    with graph_stand_in() as graph:
        ran = installed.at(graph.url)("audit")
    assert ran.code == 2
    assert "keeps no audit log" in ran.err
