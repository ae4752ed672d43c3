"""The command as a person sees it: a pseudo-terminal whose screen is looked at."""

import signal
from contextlib import closing
from pathlib import Path

import pytest

from tests.client.command import Command, folder_of
from tests.client.terminal import Terminal
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource
from tests.support.gates import Gate


@pytest.mark.parametrize(("answer", "status"), [("y\n", "complete"), ("\n", "active")], ids=["yes", "no"])
def test_it_asks_before_it_completes(
    accup: Command, resource: Resource, tmp_path: Path, answer: str, status: str
) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file(), badges=access_file())
    with Terminal(accup, "send", folder) as terminal:
        screen = terminal.wait_for(lambda text: "[y/N]" in text)
        assert "doors.csv" in screen
        assert "accepted" in screen
        assert "Nothing can be added afterwards." in screen
        terminal.type(answer)
        assert terminal.end() == 0
    (session,) = resource.sessions().json()["value"]
    assert session["status"] == status


def test_a_mixed_folder_shows_bars_a_table_and_what_to_do(accup: Command, resource: Resource, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", good=access_file(2000), bad=faulty_access_file(3, 9))
    with Terminal(accup, "send", folder, "--complete") as terminal:
        assert terminal.end() == 3
    screen = terminal.text
    assert "━" in screen, "there are bars"
    assert "refused" in screen
    assert "What is wrong, and what to do" in screen
    assert [line for line in screen.splitlines() if "permissionId" in line and " 9 " in line]
    assert "nothing was completed" in screen.splitlines()[-1] + screen.splitlines()[-2]
    (session,) = resource.sessions().json()["value"]
    assert session["status"] == "active"


def test_no_color_is_respected(accup: Command, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    with Terminal(accup, "send", folder, "--complete") as colored:
        assert colored.end() == 0
    with Terminal(accup, "send", folder, "--complete", NO_COLOR="1") as plain:
        assert plain.end() == 0
    assert b"\x1b[3" in colored.raw, "without NO_COLOR there are colors"
    assert not [code for code in range(30, 38) if f"\x1b[{code}m".encode() in plain.raw]


def test_quiet_shows_no_bars(accup: Command, tmp_path: Path) -> None:
    with Terminal(accup, "send", folder_of(tmp_path / "in", doors=access_file()), "--complete", "--quiet") as terminal:
        assert terminal.end() == 0
    assert "━" not in terminal.text


def test_ctrl_c_says_how_to_continue_and_the_next_run_does(accup: Command, resource: Resource, tmp_path: Path) -> None:
    files = {f"file{number}": access_file(1000) for number in range(12)}
    folder = folder_of(tmp_path / "in", **files)
    # It gets stuck after a quarter, so that the command cannot be done before the signal.
    with (
        closing(Gate(resource.http.base_url.port or 0, stuck_after=300_000)) as gate,
        Terminal(accup.using(ACCUP_URL=f"http://127.0.0.1:{gate.port}"), "send", folder, "--complete") as terminal,
    ):
        terminal.wait_for(lambda text: "uploading" in text and gate.is_stuck)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end(seconds=20) == 130, "nobody waits for the uploads that are stuck"
        gate.set("open")
    assert "The same command continues" in terminal.text
    assert resource.sessions().json()["value"][0]["status"] == "active"
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 0, ran.err
    session = resource.session(ran.json["session"])
    stored = {file["name"]: session.value(file["id"]).content for file in session.files().json()["value"]}
    assert stored == {f"{name}.csv": content for name, content in files.items()}


def test_delete_asks_and_no_changes_nothing(accup: Command, resource: Resource, tmp_path: Path) -> None:
    accup("send", folder_of(tmp_path / "in", doors=access_file()))
    with Terminal(accup, "delete") as terminal:
        terminal.wait_for(lambda text: "[y/N]" in text)
        terminal.type("n\n")
        assert terminal.end() == 2
    assert len(resource.ids()) == 1


def test_of_more_files_than_lines_all_that_goes_on_is_shown(accup: Command, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", **{f"file{number:02}": access_file() for number in range(60)})
    with Terminal(accup, "send", folder, "--complete") as terminal:
        screen = terminal.wait_for(lambda text: "of 60 files" in text)
        assert terminal.end() == 0
    assert "60 of 60 files" in terminal.raw.decode()
    assert "of 60 files" in screen.splitlines()[0], "the bar of all is the first"
