"""Against a service that answers as Microsoft Graph does."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.client.command import Command, folder_of
from tests.client.graph_stand_in import GraphStandIn, Stored, graph_stand_in
from tests.support.access_files import access_file, faulty_access_file


@pytest.fixture
def graph() -> Iterator[GraphStandIn]:
    """The stand-in, without sessions."""
    with graph_stand_in() as running:
        yield running


@pytest.fixture
def accup(installed: Command, graph: GraphStandIn) -> Command:
    """The command for a resource and a review instance of the stand-in."""
    return installed.at(graph.url)


def names_in(graph: GraphStandIn) -> list[str]:
    return sorted(name for session in graph.sessions.values() for _, name, _ in session.files)


def uploads_to(graph: GraphStandIn) -> int:
    return sum(path.endswith("/uploadFile") for _, path, _ in graph.requests)


def swapped_columns() -> bytes:
    """A file that the validator accepts and the stand-in does not: its first two columns have changed places."""
    lines = [line.split(b",") for line in access_file().splitlines()]
    return b"".join(b",".join([line[1], line[0], *line[2:]]) + b"\r\n" for line in lines)


def test_a_good_folder_is_completed(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file(), badges=access_file())
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "complete"
    assert names_in(graph) == ["badges.csv", "doors.csv"]
    assert {file["verified"] for file in ran.json["files"]} == {"size"}
    assert all("Content-Encoding" not in headers for _, _, headers in graph.requests)


def test_a_file_with_findings_is_never_sent_and_its_rows_are_named(
    accup: Command, graph: GraphStandIn, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "in", good=access_file(), bad=faulty_access_file(4))
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 3
    assert names_in(graph) == ["good.csv"]
    bad = ran.json["files"][0]
    assert (bad["accepted"], bad["findings"][0]["line"]) == (False, 4)
    assert {session.status for session in graph.sessions.values()} == {"active"}


def test_a_file_that_only_graph_refuses_has_graph_s_message(
    accup: Command, graph: GraphStandIn, tmp_path: Path
) -> None:
    ran = accup("send", folder_of(tmp_path / "in", doors=swapped_columns()), "--complete", "--json")
    assert ran.code == 3
    assert ran.json["files"][0]["findings"][0]["message"] == "The file is not valid."


def test_control_characters_of_the_service_do_not_reach_the_terminal(
    accup: Command, graph: GraphStandIn, tmp_path: Path
) -> None:
    graph.refusal = "\x1b]0;owned\x07The file is not valid."
    ran = accup("send", folder_of(tmp_path / "in", doors=swapped_columns()))
    assert ran.code == 3
    assert "owned" in ran.out
    assert not {"\x1b", "\x07"} & set(ran.out + ran.err)


def test_an_existing_session_is_found_by_its_reference(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    session = Stored(str(uuid4()), accup.environment["ACCUP_REVIEW"])
    graph.sessions = {other.id: other for other in (Stored(str(uuid4()), str(uuid4())), session)}
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--complete", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["session"] == session.id


@pytest.mark.parametrize("page_size", [100, 1], ids=["at once", "in pages"])
def test_a_second_run_sends_nothing_twice(accup: Command, graph: GraphStandIn, tmp_path: Path, page_size: int) -> None:
    graph.page_size = page_size
    folder = folder_of(tmp_path / "in", doors=access_file(), badges=access_file())
    accup("send", folder, "--json")
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 0, ran.err
    assert names_in(graph) == ["badges.csv", "doors.csv"]
    assert uploads_to(graph) == 2
    assert {file["verified"] for file in ran.json["files"]} == {"contents"}


def test_what_cannot_be_compared_is_not_the_same_and_what_to_look_at_is_said(
    accup: Command, graph: GraphStandIn, tmp_path: Path
) -> None:
    """Another command continues: it sends what is missing, and then says what it does not know."""
    graph.value_status = 405
    folder = folder_of(tmp_path / "in", doors=access_file())
    accup("send", folder)
    folder_of(folder, badges=access_file())
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 5
    assert names_in(graph) == ["badges.csv", "doors.csv"]
    assert {file["name"]: (file["accepted"], file["verified"]) for file in ran.json["files"]} == {
        "badges.csv": (True, "size"),
        "doors.csv": (False, None),
    }
    assert "doors.csv" in ran.json["error"]["message"]
    assert "does not give the file back (405" in ran.json["error"]["message"]
    assert "accup complete" in ran.json["error"]["message"]
    assert ran.json["status"] == "active"
    # Who has looked can follow the advice.
    assert accup("complete", "--yes").code == 0


def test_two_that_send_at_once_never_complete_a_session_with_a_file_twice(
    accup: Command, graph: GraphStandIn, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "in", **{f"file{number}": access_file() for number in range(5)})
    for _ in range(3):
        graph.sessions.clear()
        both = [accup.start("send", folder, "--complete", "--json") for _ in range(2)]
        outputs = [process.communicate(timeout=120) for process in both]
        (session,) = graph.sessions.values()
        names = [name for _, name, _ in session.files]
        twice = len(names) != len(set(names))
        assert (session.status == "complete") is not twice
        for process, (out, _) in zip(both, outputs, strict=True):
            # Each says how it ended, and tells the state that the session has.
            assert process.returncode in ((5,) if twice else (0, 5))
            assert json.loads(out)["status"] == session.status or process.returncode == 5
        if twice:
            assert all("more than once" in out and "accup delete" in out for out, _ in outputs)
            # The advice can be followed.
            assert accup("delete", "--yes").code == 0
            assert accup("send", folder, "--complete").code == 0
            (session,) = graph.sessions.values()
            assert len(session.files) == 5


def test_a_completion_whose_answer_was_lost_is_done(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    accup("send", folder_of(tmp_path / "in", doors=access_file()))
    graph.lost_completions = 1
    ran = accup("complete", "--yes", "--json")
    assert (ran.code, ran.json["status"]) == (0, "complete"), ran.err
    again = accup("complete", "--yes", "--json")
    assert (again.code, again.json["status"]) == (0, "complete"), "a complete session stays as it is"


def test_a_lost_answer_is_not_sent_again(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    """Graph would count the file twice: the session is read before an upload is repeated."""
    graph.lost_answers = 2
    folder = folder_of(tmp_path / "in", doors=access_file(), badges=access_file())
    ran = accup("send", folder, "--complete", "--json")
    assert ran.code == 0, ran.err
    assert names_in(graph) == ["badges.csv", "doors.csv"]


def test_gzip_that_is_not_accepted_is_tried_once(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    files = {f"file{number}": access_file(200) for number in range(4)}
    ran = accup("send", folder_of(tmp_path / "in", **files), "--compress", "--at-once", "1", "--complete", "--json")
    assert ran.code == 0, ran.err
    assert [headers.get("Content-Encoding") for _, path, headers in graph.requests if path.endswith("/uploadFile")] == [
        "gzip", None, None, None, None,
    ]  # fmt: skip


def test_throttling_is_waited_for(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    graph.throttled = 2
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--complete", "--json")
    assert ran.code == 0, ran.err


def test_other_contents_of_the_same_size_are_a_conflict(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    accup("send", folder)
    folder_of(folder, doors=access_file())
    assert accup("send", folder, "--complete").code == 5
    assert uploads_to(graph) == 1


def test_what_graph_lacks_is_said(accup: Command, tmp_path: Path) -> None:
    accup("send", folder_of(tmp_path / "in", doors=access_file()))
    removed = accup("remove", "doors.csv")
    assert removed.code == 2
    assert "Microsoft Graph has no such operation" in removed.err


# The host that is named is the only one that hears anything.


def test_a_redirect_is_not_followed(accup: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    with graph_stand_in() as other:
        graph.redirect_to = f"{other.url}/identityGovernance"
        ran = accup.using(ACCUP_TOKEN="secret-token")("send", folder_of(tmp_path / "in", doors=access_file()))
        assert ran.code == 6
        assert "redirect" in ran.err
        assert other.requests == []


def test_a_next_link_to_another_host_is_not_followed(accup: Command, graph: GraphStandIn) -> None:
    with graph_stand_in() as other:
        graph.next_link = f"{other.url}/identityGovernance/more"
        ran = accup.using(ACCUP_TOKEN="secret-token")("list")
        assert ran.code == 6
        assert "a link that does not lead to 127.0.0.1" in ran.err
        assert other.requests == []


def test_a_token_is_not_sent_over_plain_http_to_another_machine(installed: Command) -> None:
    ran = installed.at("http://uploads.example.com").using(ACCUP_TOKEN="secret-token")("list")
    assert ran.code == 4
    assert "https" in ran.err


@pytest.mark.parametrize("scope", ["https://graph.microsoft.com/.default", "https://management.azure.com/.default"])
def test_a_service_gets_no_token_for_another_one(accup: Command, graph: GraphStandIn, scope: str) -> None:
    graph.challenge = (
        f'Bearer authorization_uri="https://login.microsoftonline.com/x/oauth2/v2.0/authorize", scope="{scope}"'
    )
    ran = accup("list")
    assert ran.code == 4
    assert "not an application of its own" in ran.err
    assert all("Authorization" not in headers for _, _, headers in graph.requests)


def test_debug_tells_neither_tokens_nor_contents(accup: Command, tmp_path: Path) -> None:
    content = access_file()
    ran = accup.using(ACCUP_TOKEN="secret-token")("send", folder_of(tmp_path / "in", doors=content), "--debug")
    assert ran.code == 0, ran.err
    assert "POST /v1.0/identityGovernance" in ran.err
    assert "secret-token" not in ran.out + ran.err
    assert content.splitlines()[1].split(b",")[0].decode() not in ran.out + ran.err
