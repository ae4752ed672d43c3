"""A dry run changes nothing and knows the service's rules; and what a pipe has can be sent."""

import subprocess
from pathlib import Path

import pytest

from tests.client.command import Command, Ran, folder_of
from tests.client.graph_stand_in import graph_stand_in
from tests.client.terminal import Terminal
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource
from tests.support.invariants import Storage
from tests.support.service import running_service


def actions(ran: Ran) -> dict[str, str]:
    return {file["name"]: file["action"] for file in ran.json["files"]}


def test_a_dry_run_creates_no_session(accup: Command, resource: Resource, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    good = accup("send", folder, "--dry-run", "--complete", "--json")
    assert (good.code, good.json["session"], good.json["dryRun"]) == (0, None, True), good.err
    assert actions(good) == {"doors.csv": "upload"}
    assert good.last_line == (
        "1 file would be uploaded, into a new session; checked on this machine only. Nothing was changed."
    )
    bad = accup("send", folder_of(folder, badges=faulty_access_file(3)), "--dry-run", "--json")
    assert bad.code == 3
    assert bad.json["files"][0]["findings"][0]["line"] == 3
    assert resource.ids() == []


def test_a_dry_run_has_the_service_check_and_says_what_would_be_done(
    installed: Command, storage: Storage, tmp_path: Path
) -> None:
    with running_service(storage.connection_string, principal_types="user") as url:
        accup = installed.at(url)
        good = access_file().replace(b"EntraIdUser", b"user")
        folder = folder_of(tmp_path / "in", same=good, other=good.replace(b"door-1", b"door-9"))
        assert accup("send", folder).code == 0
        before = accup("files", "--json").json
        folder_of(folder, other=good, new=good.replace(b"door-2", b"door-7"))
        ran = accup("send", folder, "--dry-run", "--replace", "--json")
        assert ran.code == 0, ran.err
        assert actions(ran) == {"new.csv": "upload", "other.csv": "replace", "same.csv": "nothing"}
        # Only the service's rules refuse this one.
        folder_of(folder, new=access_file())
        refused = accup("send", folder, "--dry-run", "--replace", "--json")
        assert refused.code == 3
        assert refused.json["files"][0]["findings"][0]["code"] == "unknownPrincipalType"
        assert "would be refused: new.csv" in refused.last_line
        assert accup("files", "--json").json == before, "nothing was changed, and no refusal is remembered"


def test_a_dry_run_at_graph_checks_here(installed: Command, tmp_path: Path) -> None:
    with graph_stand_in() as graph:
        accup = installed.at(graph.url)
        folder = folder_of(tmp_path / "in", doors=access_file())
        accup("send", folder)
        sent = len([method for method, _, _ in graph.requests if method != "GET"])
        ran = accup("send", folder_of(folder, badges=access_file()), "--dry-run", "--json")
        assert (ran.code, actions(ran)) == (0, {"badges.csv": "upload", "doors.csv": "nothing"})
        assert "checked on this machine only" in ran.last_line
        assert len([method for method, _, _ in graph.requests if method != "GET"]) == sent


def piped(accup: Command, content: bytes, *arguments: str) -> Ran:
    """The command behind a pipe."""
    done = subprocess.run(
        [accup.program, *arguments], input=content, capture_output=True, env=accup.full_environment, check=False
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_standard_input_is_sent_under_a_name(accup: Command, resource: Resource, tmp_path: Path) -> None:
    content = access_file(20_000)
    folder = folder_of(tmp_path / "in", badges=access_file())
    ran = piped(accup, content, "send", "-", str(folder), "--name", "doors.csv", "--complete", "--json")
    assert (ran.code, ran.json["status"]) == (0, "complete"), ran.err
    session = resource.session(ran.json["session"])
    stored = {file["name"]: session.value(file["id"]).content for file in session.files().json()["value"]}
    assert stored == {"doors.csv": content, "badges.csv": (folder / "badges.csv").read_bytes()}


def test_standard_input_is_checked(installed: Command) -> None:
    ran = piped(installed, faulty_access_file(3), "check", "-", "--name", "doors.csv", "--json")
    assert ran.code == 3
    assert [(each["line"], each["column"]) for each in ran.json["files"][0]["findings"]] == [(3, "permissionId")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "--name doors.csv"),
        (["-", "--name", 'a"b.csv'], "cannot be the name"),
        (["-", "in/doors.csv", "--name", "doors.csv"], "another --name"),
        (["in", "--name", "doors.csv"], "written as '-'"),
    ],
    ids=["without a name", "a bad name", "a name twice", "a name for nothing"],
)
def test_a_wrong_name_for_standard_input_is_refused(
    installed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    folder_of(tmp_path / "in", doors=access_file())
    monkeypatch.chdir(tmp_path)
    ran = piped(installed, access_file(), "check", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_the_keyboard_is_no_file(installed: Command) -> None:
    with Terminal(installed, "check", "-", "--name", "doors.csv") as terminal:
        assert terminal.end() == 2
        assert "Standard input is the keyboard" in terminal.text


def test_a_copy_of_standard_input_does_not_stay(installed: Command, tmp_path: Path) -> None:
    """It has personal data."""
    there = tmp_path / "temporary"
    there.mkdir()
    ran = piped(installed.using(TMPDIR=str(there)), access_file(), "check", "-", "--name", "doors.csv")
    assert ran.code == 0, ran.err
    assert list(there.iterdir()) == []
