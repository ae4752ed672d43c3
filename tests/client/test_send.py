"""``accup send`` through pipes: what it stores, what it prints, and how it ends."""

import errno
import os
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from accup import UsageError
from accup.folders import Choice
from local.service import ROOT
from tests.client.command import Command, folder_of
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource, Session


def review_of(accup: Command) -> str:
    return accup.environment["ACCUP_REVIEW"]


def stored(resource: Resource, session_id: str) -> dict[str, bytes]:
    """The files of a session, with their contents."""
    session: Session = resource.session(session_id)
    files = session.files().json()["value"]
    return {file["name"]: session.value(file["id"]).content for file in files}


def test_a_good_folder_is_stored_and_completed(accup: Command, resource: Resource, tmp_path: Path) -> None:
    files = {"doors": access_file(5), "badges": access_file(7)}
    ran = accup("send", folder_of(tmp_path / "in", **files), "--complete", "--json")
    assert ran.code == 0, ran.err
    UUID(ran.json["session"])
    assert ran.json["status"] == "complete"
    assert {file["verified"] for file in ran.json["files"]} == {"sha256"}
    assert stored(resource, ran.json["session"]) == {f"{name}.csv": content for name, content in files.items()}
    assert [
        (file["name"], file["accepted"], file["rows"], file["sha256"], file["findings"]) for file in ran.json["files"]
    ] == [
        ("badges.csv", True, 7, sha256(files["badges"]).hexdigest(), []),
        ("doors.csv", True, 5, sha256(files["doors"]).hexdigest(), []),
    ]
    assert resource.session(ran.json["session"]).read()["referenceId"] == review_of(accup)


def test_only_the_service_checks_what_is_sent_into_a_new_session(accup: Command, tmp_path: Path) -> None:
    """It does so in any case, so that a check here, which needs NumPy, would only take time."""
    folder_of(tmp_path / "path")
    (tmp_path / "path" / "numpy.py").write_text("raise ImportError")
    without_numpy = accup.using(PYTHONPATH=str(tmp_path / "path"))
    files = {"doors": access_file(5), "badges": access_file(7)}
    ran = without_numpy("send", folder_of(tmp_path / "in", **files), "--json")
    assert ran.code == 0, ran.err
    assert [(file["name"], file["rows"], file["verified"]) for file in ran.json["files"]] == [
        ("badges.csv", 7, "sha256"),
        ("doors.csv", 5, "sha256"),
    ]


def test_without_complete_the_session_stays_active(accup: Command, resource: Resource, tmp_path: Path) -> None:
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "active"
    assert resource.session(ran.json["session"]).read()["status"] == "active"
    assert "--complete" in ran.last_line


def test_a_mixed_folder_is_not_completed_and_every_finding_is_named(
    accup: Command, resource: Resource, tmp_path: Path
) -> None:
    faulty = faulty_access_file(3, 7, rows=9)
    folder = folder_of(tmp_path / "in", good=access_file(), bad=faulty)
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 3
    assert ran.json["status"] == "active"
    assert list(stored(resource, ran.json["session"])) == ["good.csv"]
    bad, good = ran.json["files"]
    assert (good["name"], good["accepted"], good["findings"]) == ("good.csv", True, [])
    assert (bad["name"], bad["accepted"], bad["rows"]) == ("bad.csv", False, 9)
    assert bad["sha256"] == sha256(faulty).hexdigest()
    assert [(each["line"], each["column"], each["code"]) for each in bad["findings"]] == [
        (3, "permissionId", "missingValue"),
        (7, "permissionId", "missingValue"),
    ]
    assert all(each["message"] for each in bad["findings"])


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "Zugänge.csv"), "crm%20access.csv", "%22.csv"])
def test_a_file_keeps_its_name_in_the_form_of_the_service(
    accup: Command, resource: Resource, tmp_path: Path, name: str
) -> None:
    """A Mac gives names in another Unicode form, and the service decodes names that look percent-encoded."""
    content = access_file()
    folder = folder_of(tmp_path / "in")
    (folder / name).write_bytes(content)
    expected = unicodedata.normalize("NFC", name)
    sent = accup("send", folder, "--json")
    assert sent.code == 0, sent.err
    assert stored(resource, sent.json["session"]) == {expected: content}
    again = accup("send", folder, "--json")
    assert (again.code, again.json["otherFiles"]) == (0, [])
    assert [file["name"] for file in again.json["files"]] == [expected]
    assert accup("remove", name, "--session", sent.json["session"]).code == 0


def test_after_a_refusal_nothing_else_completes_the_session_by_mistake(
    accup: Command, resource: Resource, tmp_path: Path
) -> None:
    ran = accup("send", folder_of(tmp_path / "in", good=access_file(), bad=faulty_access_file(3)), "--json")
    assert resource.session(ran.json["session"]).complete().status_code == 409
    done = accup("complete", "--yes")
    assert done.code == 3
    assert "bad.csv" in done.err


def test_a_mixed_folder_shows_a_table(accup: Command, tmp_path: Path) -> None:
    ran = accup("send", folder_of(tmp_path / "in", good=access_file(), bad=faulty_access_file(3)))
    assert ran.code == 3
    assert ran.out.startswith("bad.csv: 1 finding")
    (row,) = [line for line in ran.out.splitlines() if " 3 " in line and "permissionId" in line]
    # The service's own words, without advice of the client's.
    assert "permissionId is empty." in row
    assert "\x1b" not in ran.out + ran.err, "there are no colors outside a terminal"
    assert "1 file of 2 refused, nothing was completed" in ran.last_line


def test_a_fixed_file_under_the_same_name_makes_it_complete(accup: Command, resource: Resource, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", good=access_file(), bad=faulty_access_file(3))
    first = accup("send", folder, "--complete", "--json")
    folder_of(folder, bad=access_file())
    second = accup("send", folder, "--complete", "--json")
    assert (first.code, second.code) == (3, 0), second.err
    assert second.json["session"] == first.json["session"]
    assert resource.session(second.json["session"]).read()["stats"]["filesUploaded"] == 2


def test_the_same_command_again_changes_nothing(accup: Command, resource: Resource, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file(), badges=access_file())
    first = accup("send", folder, "--complete", "--json")
    before = resource.session(first.json["session"]).read()
    second = accup("send", folder, "--complete", "--json")
    assert (first.code, second.code) == (0, 0), second.err
    assert second.json == first.json
    assert resource.session(first.json["session"]).read() == before


def test_a_session_that_exists_is_continued_and_completed_with_the_files_of_others_only_on_request(
    accup: Command, resource: Resource, tmp_path: Path
) -> None:
    session = resource.new_session(review_of(accup))
    session.uploaded("other.csv")
    folder = folder_of(tmp_path / "in", doors=access_file())
    refused = accup("send", folder, "--complete", "--json")
    assert refused.code == 5
    assert refused.json["otherFiles"] == ["other.csv"]
    assert "other.csv" in refused.json["error"]["message"]
    assert "--allow-others" in refused.json["error"]["message"]
    assert session.read()["status"] == "active"
    ran = accup("send", folder, "--complete", "--allow-others", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["session"], ran.json["status"]) == (session.id, "complete")
    assert ran.json["otherFiles"] == ["other.csv"]


def test_more_data_for_a_complete_session_is_a_conflict(accup: Command, resource: Resource, tmp_path: Path) -> None:
    session = resource.new_session(review_of(accup))
    session.uploaded("other.csv")
    session.completed()
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--json")
    assert ran.code == 5
    assert ran.json["status"] == "complete"
    assert "doors.csv" in ran.json["error"]["message"]


def test_other_contents_under_a_stored_name_are_a_conflict(accup: Command, resource: Resource, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    first = accup("send", folder, "--json")
    before = stored(resource, first.json["session"])
    folder_of(folder, doors=access_file())
    second = accup("send", folder, "--complete", "--json")
    assert second.code == 5
    assert "--replace" in second.json["error"]["message"]
    assert stored(resource, first.json["session"]) == before
    assert second.json["status"] == "active"


@pytest.mark.parametrize("option", [[], ["--replace"]], ids=["plainly", "to replace it"])
def test_a_stored_file_is_not_given_up_for_one_with_findings(
    accup: Command, resource: Resource, tmp_path: Path, option: list[str]
) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    first = accup("send", folder, "--json")
    before = stored(resource, first.json["session"])
    folder_of(folder, doors=faulty_access_file(3))
    second = accup("send", folder, *option, "--complete", "--json")
    assert second.code == 3
    assert stored(resource, first.json["session"]) == before
    assert second.json["status"] == "active"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["empty"], "no file to take: it is empty"),
        (["missing.csv"], "There is no file"),
        (["a/same.csv", "b/same.csv"], "same.csv"),
        ([], "Missing argument"),
        (["a", "--catalog", "no-guid"], "not a GUID"),
        (["a", "--url", "ftp://host"], "not the URL of a service"),
        (["a", "--no-such-option"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_command_line_sends_nothing(
    accup: Command, resource: Resource, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    folder_of(tmp_path / "a", same=access_file())
    folder_of(tmp_path / "b", same=access_file())
    ran = accup("send", *arguments, cwd=tmp_path)
    assert ran.code == 2
    assert said in ran.err
    assert resource.ids() == []


def test_a_file_that_cannot_be_read_is_known_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that another program has locked on Windows. The tests may run as root, who can read every file."""
    folder = folder_of(tmp_path / "in", doors=access_file(), badges=access_file())
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "doors.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match=r"doors\.csv cannot be read: Permission denied"):
        Choice().of([folder])


def test_a_missing_option_is_named_with_its_variable(accup: Command, tmp_path: Path) -> None:
    ran = accup.using(ACCUP_REVIEW=None)("send", folder_of(tmp_path / "in", doors=access_file()))
    assert ran.code == 2
    assert "--review" in ran.err
    assert "ACCUP_REVIEW" in ran.err


def test_the_repository_s_samples_are_refused_for_the_faulty_one(accup: Command) -> None:
    ran = accup("send", ROOT / "samples", "--complete", "--json")
    assert ran.code == 3
    assert {file["name"]: file["accepted"] for file in ran.json["files"]} == {
        "building-access.csv": True,
        "crm-access-faulty.csv": False,
        "crm-access.csv": True,
        "door-badges-early.csv": True,
        "mainframe-access.csv": True,
        "wiki-access-names.csv": True,
    }


def test_the_service_s_wider_rules_count(accup: Command, tmp_path: Path) -> None:
    """A file that only the local check refuses is sent: the service may allow more principal types."""
    folder = folder_of(tmp_path / "in", groups=access_file().replace(b"EntraIdUser", b"Group"))
    refused = accup("send", folder, "--json")
    assert refused.code == 3
    assert refused.json["files"][0]["findings"][0]["code"] == "unknownPrincipalType"


def test_a_service_that_is_not_there_is_a_service_failure(accup: Command, tmp_path: Path) -> None:
    gone = accup.using(ACCUP_URL="http://127.0.0.1:9", ACCUP_RETRIES="1")
    ran = gone("send", folder_of(tmp_path / "in", doors=access_file()), "--json")
    assert ran.code == 6
    assert (ran.json["session"], ran.json["files"][0]["accepted"]) == (None, False)
    assert "again" in ran.last_line


def test_a_pipe_gets_no_progress(accup: Command, tmp_path: Path) -> None:
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--json", "--complete")
    assert len(ran.err.splitlines()) == 1


def test_a_session_is_created_for_the_definition_that_is_named_and_no_other(
    accup: Command, resource: Resource, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    plain = accup.using(ACCUP_DEFINITION=None)
    unnamed = plain("send", folder)
    assert unnamed.code == 2
    assert "--definition" in unnamed.err
    assert resource.ids() == []
    definition = str(uuid4())
    assert plain("send", folder, "--definition", definition.upper()).code == 0
    (session,) = resource.ids()
    assert resource.session(session).read()["data"]["reviewDefinitionId"] == definition
    # A session that exists needs no name, and is not used for another one.
    assert plain("send", folder).code == 0
    other = accup("send", folder, "--complete")
    assert other.code == 5
    assert definition in other.err
    assert resource.session(session).read()["status"] == "active"


def test_a_review_id_may_have_any_case(accup: Command, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    review = str(uuid4())
    first = accup.using(ACCUP_REVIEW=review.upper())("send", folder, "--json")
    second = accup.using(ACCUP_REVIEW=review)("send", folder, "--json")
    assert first.json["session"] == second.json["session"]
