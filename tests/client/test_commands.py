"""The other commands, against the real service."""

import re
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest

from tests.client.command import Command, folder_of
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource, Session


@pytest.fixture
def session(resource: Resource) -> Session:
    """A session with two files."""
    made = resource.new_session()
    made.uploaded("doors.csv", access_file(3))
    made.uploaded("badges.csv", access_file(4))
    return made


@pytest.fixture
def accup(installed: Command, session: Session) -> Command:
    """The command for that session's resource and review instance."""
    return installed.on(session.resource, session.read()["referenceId"])


def test_status_tells_the_time_left(accup: Command, session: Session) -> None:
    told = accup("status", "--json").json
    assert (told["session"], told["status"], told["filesUploaded"]) == (session.id, "active", 2)
    assert 7000 < told["secondsLeft"] <= 7200
    assert "1 h 59 min" in accup("status").out


def test_a_session_can_be_named_by_its_id(accup: Command, session: Session) -> None:
    by_id = accup.using(ACCUP_REVIEW=None)("status", "--session", session.id, "--json")
    assert by_id.json["session"] == session.id


def test_list_shows_all_and_those_of_a_status(accup: Command, session: Session) -> None:
    other = session.resource.new_session()
    other.uploaded("x.csv")
    other.completed()
    assert {each["session"] for each in accup("list", "--json").json["sessions"]} == {session.id, other.id}
    assert [each["session"] for each in accup("list", "--status", "complete", "--json").json["sessions"]] == [other.id]


def test_files_are_downloaded_whole_and_not_over_others(accup: Command, session: Session, tmp_path: Path) -> None:
    assert accup("get", "-o", tmp_path).code == 0
    stored = {file["name"]: session.value(file["id"]).content for file in session.files().json()["value"]}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == stored
    (tmp_path / "doors.csv").write_text("mine")
    again = accup("get", "doors.csv", "-o", tmp_path)
    assert again.code == 2
    assert "--overwrite" in again.err
    assert accup("get", "doors.csv", "-o", tmp_path, "--overwrite").code == 0
    assert (tmp_path / "doors.csv").read_bytes() == stored["doors.csv"]


def test_what_cannot_be_undone_needs_yes_in_a_script(accup: Command, session: Session) -> None:
    for command in ("complete", "delete"):
        ran = accup(command)
        assert ran.code == 2
        assert "--yes" in ran.err
    assert session.read()["status"] == "active"


def test_a_session_is_deleted(accup: Command, session: Session) -> None:
    assert accup("delete", "--yes").code == 0
    assert session.get().status_code == 404


def test_a_complete_session_cannot_be_deleted(accup: Command, session: Session) -> None:
    session.completed()
    assert accup("delete", "--yes").code == 5


def test_watch_waits_until_it_is_complete(accup: Command, session: Session) -> None:
    timer = Timer(2, session.complete)
    timer.start()
    ran = accup("watch", "--interval", "1", "--json")
    timer.join()
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "complete"


def test_watch_gives_up_in_time(accup: Command) -> None:
    ran = accup("watch", "--interval", "1", "--timeout", "1")
    assert ran.code == 5
    assert "still active" in ran.err


def test_an_unknown_session_is_not_found(accup: Command) -> None:
    assert accup("status", "--session", str(uuid4())).code == 4
    assert accup("status", "--review", str(uuid4())).code == 4


def test_the_audit_names_the_changes(accup: Command, session: Session) -> None:
    records = accup("audit", "--session", session.id, "--json").json["records"]
    assert [record["activity"] for record in records] == ["createSession", "uploadFile", "uploadFile"]


def test_a_profile_fills_in_what_is_missing(accup: Command, session: Session, tmp_path: Path) -> None:
    given = accup.environment
    (tmp_path / "profiles.toml").write_text(
        f'[default]\nurl = "http://127.0.0.1:9"\n[crm]\nurl = "{given["ACCUP_URL"]}"\n'
        f'catalog = "{given["ACCUP_CATALOG"]}"\nresource = "{given["ACCUP_RESOURCE"]}"\n'
    )
    bare = accup.using(ACCUP_URL=None, ACCUP_CATALOG=None, ACCUP_RESOURCE=None, ACCUP_CONFIG_DIR=str(tmp_path))
    assert bare("status", "--profile", "crm", "--json").json["session"] == session.id
    unknown = bare("status", "--profile", "none")
    assert unknown.code == 2
    assert "crm, default" in unknown.err


def test_a_profile_has_no_token(accup: Command, tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text('[default]\ntoken = "secret"\n')
    ran = accup.using(ACCUP_CONFIG_DIR=str(tmp_path))("status")
    assert ran.code == 2
    assert "not token" in ran.err
    assert "secret" not in ran.err


def test_files_are_listed_with_open_refusals(accup: Command, session: Session) -> None:
    session.upload("bad.csv", faulty_access_file(3))
    told = accup("files", "--json").json
    assert [file["name"] for file in told["files"]] == ["doors.csv", "badges.csv"]
    assert [refusal["name"] for refusal in told["refusals"]] == ["bad.csv"]


def test_a_file_is_removed(accup: Command, session: Session) -> None:
    assert accup("remove", "doors.csv").code == 0
    assert session.file_names() == ["badges.csv"]
    assert accup("remove", "doors.csv").code == 4


def test_a_refusal_is_withdrawn_and_no_longer_blocks(accup: Command, session: Session) -> None:
    session.upload("bad.csv", faulty_access_file(3))
    blocked = accup("complete", "--yes")
    assert blocked.code == 3
    assert "accup withdraw" in blocked.err
    assert accup("withdraw", "bad.csv").code == 0
    done = accup("complete", "--yes", "--json")
    assert done.code == 0, done.err
    assert done.json["status"] == "complete"


def test_a_file_is_replaced_on_request(accup: Command, session: Session, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file(9))
    assert accup("send", folder).code == 5
    ran = accup("send", folder, "--replace", "--json")
    assert ran.code == 0, ran.err
    assert sorted(session.file_names()) == ["badges.csv", "doors.csv"]
    assert ran.json["files"][0]["verified"] == "sha256"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(accup: Command, shell: str) -> None:
    """As the shell's own function asks for it; fish says the word, the others its number."""
    assert "accup" in accup.using(_ACCUP_COMPLETE=f"{shell}_source")().out
    for words, found in (("accup log", {"login", "logout"}), ("accup send --def", {"--definition"})):
        *before, last = words.split()
        position = last if shell == "fish" else str(len(before))
        asking = accup.using(_ACCUP_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD=position)
        assert found <= set(re.findall(r"[\w-]+", asking().out.replace(",", " ")))
