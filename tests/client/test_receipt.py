"""The receipt is evidence: nothing is completed, or called verified, that was not seen to be the same."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from accup import AccupError, Client, ConflictError, RetryPolicy, Review, completing, send_files
from accup import Resource as AccupResource
from accup.conclusion import conclusion
from accup.local import LocalFile
from accup.outcome import SendOutcome
from accup.progress import Reporter
from tests.client.command import Command, folder_of
from tests.client.forwarding import ForwardingHandler, running
from tests.client.graph_stand_in import GraphStandIn, graph_stand_in
from tests.client.terminal import Terminal
from tests.support.access_files import access_file
from tests.support.client import Resource, Session
from tests.support.completion_cases import CASES, OURS, Case
from tests.support.invariants import Storage
from tests.support.service import running_service


@pytest.fixture
def graph() -> Iterator[GraphStandIn]:
    """The stand-in, without sessions."""
    with graph_stand_in() as running:
        yield running


@pytest.fixture
def at_graph(graph: GraphStandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[AccupResource]:
    """A resource of the stand-in, with short waits."""
    monkeypatch.setattr(completing, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(completing, "_SETTLES_SECONDS", 0.5)
    with Client(graph.url, retries=RetryPolicy(attempts=2, first_delay=0.01)) as client:
        yield client.resource(str(uuid4()), str(uuid4()))


def folder(path: Path) -> Path:
    for name, content in OURS.items():
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_session_is_completed_only_if_it_was_seen_to_be_ours(
    at_graph: AccupResource, graph: GraphStandIn, tmp_path: Path, case: Case
) -> None:
    review = Review(str(uuid4()), str(uuid4()))
    case.prepare(graph, review.instance_id)
    try:
        done = send_files(at_graph, [folder(tmp_path)], review, confirm=True)
    except AccupError as error:
        assert error.exit_code == 5, error
        case.check_end(graph, said_done=False)
    else:
        case.check_end(graph, said_done=done.complete and all(file.verified for file in done.files))


class At(Reporter):
    """Does something when a file has ended."""

    def __init__(self, do: Callable[[LocalFile], object]) -> None:
        self._do = do

    def ended(self, file: LocalFile, *, accepted: bool) -> None:
        self._do(file)


def send_into(session: Session, path: Path, do: Callable[[LocalFile], object], outcome: SendOutcome) -> None:
    """Send files into a session of ours, and complete it; something happens when a file was sent."""
    with Client(str(session.http.base_url)) as client:
        sessions = client.resource(session.resource.catalog_id, session.resource.resource_id)
        review = Review(session.read()["referenceId"])
        send_files(sessions, [path], review, confirm=True, reporter=At(do), outcome=outcome)


def rewritten(file: LocalFile) -> None:
    file.path.write_bytes(access_file(3))


def grown(file: LocalFile) -> None:
    with file.path.open("ab") as opened:
        opened.write(access_file(1).splitlines(keepends=True)[1])


@pytest.mark.parametrize("do", [rewritten, grown, lambda file: file.path.unlink()], ids=["rewritten", "grown", "gone"])
def test_a_file_that_is_no_longer_as_it_was_sent_completes_nothing(
    resource: Resource, tmp_path: Path, do: Callable[[LocalFile], object]
) -> None:
    session = resource.new_session()
    outcome = SendOutcome()
    with pytest.raises(ConflictError, match=r"changed after it was read|can no longer be read"):
        send_into(session, folder_of(tmp_path / "in", doors=access_file(3)), do, outcome)
    assert session.read()["status"] == "active"
    assert outcome.status == "active"


def test_a_file_that_was_written_again_with_the_same_contents_is_the_same(resource: Resource, tmp_path: Path) -> None:
    session = resource.new_session()
    path = folder_of(tmp_path / "in", doors=access_file(3))
    send_into(session, path, lambda file: file.path.write_bytes(file.path.read_bytes()), SendOutcome())
    assert session.read()["status"] == "complete"


def test_a_file_that_vanishes_while_others_are_sent_is_no_wrong_command_line(
    resource: Resource, tmp_path: Path
) -> None:
    """Exit code 2 says that nothing was sent."""
    session = resource.new_session()
    path = folder_of(tmp_path / "in", **{f"file{number}": access_file(3 + number) for number in range(12)})
    with pytest.raises(ConflictError, match="can no longer be read"):
        send_into(session, path, lambda _: (path / "file0.csv").unlink(missing_ok=True), SendOutcome())
    assert session.read()["stats"]["filesUploaded"] > 0


@pytest.mark.parametrize(
    ("do", "status"), [(Session.delete, "deleted"), (Session.completed, "complete")], ids=["deleted", "completed"]
)
def test_the_state_after_an_error_is_that_of_the_session_then(
    resource: Resource, tmp_path: Path, do: Callable[[Session], object], status: str
) -> None:
    """The largest file goes first; then somebody else ends the session."""
    session = resource.new_session()
    path = folder_of(tmp_path / "in", **{f"file{number}": access_file(3 + 9 * number) for number in range(12)})
    outcome = SendOutcome()
    done: list[object] = []

    def once(_: LocalFile) -> None:
        if not done:
            done.append(do(session))

    with pytest.raises(AccupError) as caught:
        send_into(session, path, once, outcome)
    outcome.error = caught.value
    assert outcome.status == status
    assert outcome.as_json()["status"] == status
    said = {"deleted": "no longer exists", "complete": "is complete, with"}
    assert said[status] in conclusion(outcome)
    assert "not completed" not in conclusion(outcome)


def test_the_state_is_not_known_when_nothing_answers(accup: Command, tmp_path: Path, resource: Resource) -> None:
    """The completion is stored, and its answer and all that comes after it are lost."""

    class Gone(ForwardingHandler):
        upstream = str(resource.http.base_url)
        is_gone = False

        def serve(self) -> None:
            body = b"".join(self.pieces())
            if not Gone.is_gone:
                answer = self.forward(body)
                Gone.is_gone = self.command == "PATCH"
            if Gone.is_gone:
                self.close_connection = True
                return
            self.start_answer(answer)
            self.wfile.write(answer[2])

    folder = folder_of(tmp_path / "in", doors=access_file())
    with running(Gone) as url:
        ran = accup.using(ACCUP_URL=url, ACCUP_RETRIES="1")("send", folder, "--complete", "--json")
    assert (ran.code, ran.json["status"]) == (6, None)
    assert "Whether session" in ran.last_line
    assert "is not known" in ran.last_line
    assert resource.session(ran.json["session"]).read()["status"] == "complete"
    again = accup("send", folder, "--complete", "--json")
    assert (again.code, again.json["status"]) == (0, "complete"), again.err


@pytest.mark.parametrize("lost", [False, True], ids=["at the last moment", "and the answer is lost"])
def test_what_somebody_else_changes_at_the_last_moment_is_not_completed(
    accup: Command, resource: Resource, tmp_path: Path, *, lost: bool
) -> None:
    """``If-Match`` refuses the completion of another state than the one that was read; and recognizes its own."""

    class Meddling(ForwardingHandler):
        upstream = str(resource.http.base_url)
        completions = 0

        def serve(self) -> None:
            body = b"".join(self.pieces())
            if self.command == "PATCH":
                Meddling.completions += 1
                if not lost:
                    resource.session(self.path.rpartition("/")[2]).uploaded("stray.csv")
            answer = self.forward(body)
            if lost and Meddling.completions == 1 and self.command == "PATCH":
                self.close_connection = True
                return
            self.start_answer(answer)
            self.wfile.write(answer[2])

    folder = folder_of(tmp_path / "in", doors=access_file())
    with running(Meddling) as url:
        ran = accup.using(ACCUP_URL=url)("send", folder, "--complete", "--json")
    if lost:
        assert (ran.code, ran.json["status"], Meddling.completions) == (0, "complete", 2), ran.err
        return
    assert (ran.code, ran.json["status"]) == (5, "active")
    assert "it now has stray.csv" in ran.json["error"]["message"]
    assert ran.json["otherFiles"] == ["stray.csv"]


def test_a_session_that_changes_while_the_question_stands_is_not_completed(
    accup: Command, resource: Resource, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "in", doors=access_file(), badges=access_file())
    with Terminal(accup, "send", folder) as terminal:
        terminal.wait_for(lambda text: "[y/N]" in text)
        session = resource.session(resource.ids()[0])
        (badges,) = [file for file in session.files().json()["value"] if file["name"] == "badges.csv"]
        session.delete_file(badges["id"])
        session.uploaded("stray.csv")
        terminal.type("y\n")
        assert terminal.end() == 5
        assert "it now has stray.csv and it no longer has badges.csv" in " ".join(terminal.text.split())
    assert session.read()["status"] == "active"


def test_the_question_names_what_else_is_in_the_session(accup: Command, resource: Resource, tmp_path: Path) -> None:
    session = resource.new_session(accup.environment["ACCUP_REVIEW"])
    session.uploaded("other.csv")
    with Terminal(accup, "send", folder_of(tmp_path / "in", doors=access_file())) as terminal:
        seen = terminal.wait_for(lambda text: "[y/N]" in text)
        assert "together with 1 file that this command did not send (other.csv)" in " ".join(seen.split())
        assert seen.count("SHA-256") == 1
        terminal.type("y\n")
        assert terminal.end() == 0
        assert terminal.text.count("SHA-256") == 1, "the receipt is shown once"
    assert session.read()["status"] == "complete"


def test_a_stored_file_is_not_given_up_for_one_that_only_the_service_refuses(
    installed: Command, storage: Storage, tmp_path: Path
) -> None:
    with running_service(storage.connection_string, principal_types="user") as url:
        accup = installed.at(url)
        folder = folder_of(tmp_path / "in", doors=access_file().replace(b"EntraIdUser", b"user"))
        first = accup("send", folder, "--json")
        folder_of(folder, doors=access_file())
        second = accup("send", folder, "--replace", "--complete", "--json")
        assert second.code == 3
        assert second.json["files"][0]["findings"][0]["code"] == "unknownPrincipalType"
        kept = accup("files", "--json").json["files"]
    assert [file["sha256"] for file in kept] == [first.json["files"][0]["sha256"]]
