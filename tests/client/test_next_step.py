"""What a command says to do next fits the situation: each sentence is followed here, and none leads in a circle."""

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.command import Command, folder_of
from tests.client.forwarding import ForwardingHandler, running
from tests.client.graph_stand_in import GraphStandIn, graph_stand_in
from tests.client.terminal import Terminal
from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource


@pytest.fixture
def graph() -> Iterator[GraphStandIn]:
    """The stand-in, without sessions."""
    with graph_stand_in() as running:
        yield running


@pytest.mark.parametrize("option", [[], ["--replace"]], ids=["plainly", "to replace it"])
def test_graph_s_users_are_not_sent_to_an_option_that_graph_lacks(
    installed: Command, graph: GraphStandIn, tmp_path: Path, option: list[str]
) -> None:
    accup = installed.at(graph.url)
    folder = folder_of(tmp_path / "in", doors=access_file())
    accup("send", folder)
    folder_of(folder, doors=access_file())
    ran = accup("send", folder, *option, "--json")
    assert ran.code == 5
    assert "--replace" not in ran.err
    assert "delete the session with 'accup delete', and run the same command again" in ran.err
    assert accup("delete", "--yes").code == 0
    assert accup("send", folder, "--complete").code == 0


@pytest.mark.parametrize(
    "command", [["remove", "doors.csv"], ["withdraw", "doors.csv"], ["redeliver"], ["audit"]], ids=lambda each: each[0]
)
def test_what_graph_lacks_is_no_failure_of_the_service(
    installed: Command, graph: GraphStandIn, tmp_path: Path, command: list[str]
) -> None:
    accup = installed.at(graph.url)
    accup("send", folder_of(tmp_path / "in", doors=access_file()))
    ran = accup(*command)
    assert ran.code == 2
    assert "Microsoft Graph has no such operation" in ran.err
    assert "same command" not in ran.err


def test_a_refused_file_that_is_renamed_does_not_lead_in_a_circle(accup: Command, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", good=access_file(), **{"export of may": faulty_access_file(3)})
    refused = accup("send", folder)
    assert "Fix export of may.csv and run the same command again" in refused.err
    assert "If the valid data has another name: accup withdraw" in refused.err
    (folder / "export of may.csv").unlink()
    folder_of(folder, fixed=access_file())
    sent = accup("send", folder, "--json")
    assert (sent.code, sent.json["openRefusals"]) == (0, ["export of may.csv"])
    assert "It cannot be completed yet" in sent.err
    assert "--complete" not in sent.err
    program, *advice = shlex.split(sent.last_line)
    assert program == "accup"
    with Terminal(accup, "send", folder) as terminal:
        assert terminal.end() == 0, "there is no question whose answer would be refused"
    completed = accup("send", folder, "--complete", "--json")
    assert completed.code == 3
    assert "accup withdraw" in completed.err
    assert accup(*advice).code == 0
    assert accup("send", folder, "--complete").code == 0


def test_what_never_passes_is_not_to_be_tried_again(installed: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file())
    graph.redirect_to = "http://127.0.0.1:9/"
    redirected = installed.at(graph.url)("send", folder)
    assert redirected.code == 6
    assert "again" not in redirected.err
    assert redirected.last_line == "Nothing was sent."
    graph.redirect_to = None
    missing = installed.at(f"{graph.url}/elsewhere/v1.0")("send", folder)
    assert missing.code == 4
    assert "again" not in missing.err


def test_what_may_pass_is_to_be_tried_again_and_is(installed: Command, graph: GraphStandIn, tmp_path: Path) -> None:
    accup = installed.at(graph.url).using(ACCUP_RETRIES="0")
    folder = folder_of(tmp_path / "in", doors=access_file())
    graph.throttled = 1
    first = accup("send", folder, "--complete", "--json")
    assert first.code == 6
    assert "Run the same command again: it continues where it stopped." in first.last_line
    assert accup("send", folder, "--complete").code == 0


@pytest.mark.parametrize("quiet", [False, True], ids=["plainly", "--quiet"])
def test_waiting_is_shown(installed: Command, graph: GraphStandIn, tmp_path: Path, *, quiet: bool) -> None:
    graph.throttled = 1
    folder = folder_of(tmp_path / "in", doors=access_file())
    ran = installed.at(graph.url)("send", folder, "--complete", *["--quiet"] * quiet)
    assert ran.code == 0, ran.err
    shown = bool(re.search(r"^Too many requests\. Trying again in [12] s \(attempt 2 of 7\)\.$", ran.err, re.MULTILINE))
    assert shown is not quiet


def test_waiting_is_shown_above_the_bars(accup: Command, resource: Resource, tmp_path: Path) -> None:
    """An upload is answered 503 once, with the time to wait."""

    class Busy(ForwardingHandler):
        upstream = str(resource.http.base_url)
        refused = 0

        def serve(self) -> None:
            body = b"".join(self.pieces())
            if self.path.endswith("/uploadFile") and not Busy.refused:
                Busy.refused += 1
                self.start_answer((503, [("Retry-After", "2")], b""))
                return
            answer = self.forward(body)
            self.start_answer(answer)
            self.wfile.write(answer[2])

    folder = folder_of(tmp_path / "in", doors=access_file(200))
    with running(Busy) as url, Terminal(accup.using(ACCUP_URL=url), "send", folder, "--complete") as terminal:
        terminal.wait_for(lambda text: "Trying again in 2 s (attempt 2 of 7)" in " ".join(text.split()))
        assert terminal.end() == 0
        lines = terminal.text.splitlines()
        assert [line for line in lines if "doors.csv" in line and "accepted" in line]
        assert [line for line in lines if line.startswith("The Functions host answered 503")]
        assert sum("doors.csv" in line and "━" in line for line in lines) == 1, "the bars stay below what is said"


def test_a_completion_asks_with_the_names_and_holds_for_what_was_shown(accup: Command, resource: Resource) -> None:
    session = resource.new_session(accup.environment["ACCUP_REVIEW"])
    session.uploaded("doors.csv")
    for command in ("complete", "delete"):
        with Terminal(accup, command) as terminal:
            assert "1 file (doors.csv)" in terminal.wait_for(lambda text: "[y/N]" in text)
            session.uploaded(f"stray-{command}.csv")
            terminal.type("y\n")
            assert terminal.end() == 5
        assert session.read()["status"] == "active"
        (stray,) = [file for file in session.files().json()["value"] if file["name"].startswith("stray")]
        session.delete_file(stray["id"])
    assert accup("complete", "--yes").code == 0


def test_watch_waits_as_long_as_it_says(accup: Command, resource: Resource) -> None:
    """The interval is longer than the time that is given."""
    resource.new_session(accup.environment["ACCUP_REVIEW"])
    began = time.monotonic()
    ran = accup("watch", "--timeout", "2")
    assert ran.code == 5
    assert time.monotonic() - began > 2
    assert "still active after 2 seconds" in ran.err
