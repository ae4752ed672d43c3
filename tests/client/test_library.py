"""The package as a library: the documented example, and what it promises."""

import copy
import gzip
import hashlib
import io
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import accup
from accup import (
    AccupError,
    ApiError,
    Client,
    ConflictError,
    Finding,
    HostError,
    InterruptedByUserError,
    NotPermittedError,
    OutputError,
    Resource,
    RetryPolicy,
    Review,
    ServiceError,
    Session,
    UnsupportedError,
    UsageError,
    send_files,
)
from accup.api.multipart import FileForm, Upload
from local.service import ROOT
from tests.client.command import Command, folder_of
from tests.client.forwarding import ForwardingHandler, running
from tests.docs.documents import code_blocks
from tests.support.access_files import access_file, faulty_access_file


@pytest.fixture
def sessions(service: str) -> Iterator[Resource]:
    """The sessions of a resource that nobody has used."""
    with Client(service) as client:
        yield client.resource(str(uuid4()), str(uuid4()))


@pytest.fixture
def review() -> Review:
    """A review instance that nobody has used."""
    return Review(str(uuid4()), str(uuid4()))


def test_the_example_in_the_documentation_runs_and_again(installed: Command, service: str, tmp_path: Path) -> None:
    block, _ = [each for each in code_blocks(ROOT / "docs" / "client.md") if each.language == "python"]
    example = tmp_path / "example.py"
    example.write_text(block.text.replace("http://127.0.0.1:7071", service))
    python = installed.program.parent / Path(sys.executable).name
    for _ in range(2):
        done = subprocess.run([python, example], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "complete ['doors.csv']"


def test_the_example_that_sends_a_folder_runs_and_again(installed: Command, service: str, tmp_path: Path) -> None:
    _, block = [each for each in code_blocks(ROOT / "docs" / "client.md") if each.language == "python"]
    folder_of(tmp_path / "export", doors=access_file())
    example = tmp_path / "example.py"
    example.write_text(block.text.replace("http://127.0.0.1:7071", service))
    python = installed.program.parent / Path(sys.executable).name
    for _ in range(2):
        done = subprocess.run([python, example], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["complete [('doors.csv', 'sha256', ())]"]


ERRORS = [
    ApiError(
        409,
        "No.",
        code="nameAlreadyExists",
        inner={"code": "x", "request-id": "r"},
        findings=[Finding("missingValue", "Empty.", 3, "permissionId")],
        headers={"retry-after": "1"},
    ),
    HostError(502, "No answer.", headers={}),
    *(kind("Why.") for kind in (AccupError, ConflictError, InterruptedByUserError, NotPermittedError)),
    *(kind("Why.") for kind in (OutputError, ServiceError, UnsupportedError, UsageError)),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_a_pickle_and_a_copy(error: AccupError) -> None:
    error.may_pass = True
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert vars(again) == vars(error)
        assert (str(again), again.explanation, again.exit_code) == (str(error), error.explanation, error.exit_code)


def test_errors_are_one_tree_and_all_of_it_can_be_imported_and_is_documented() -> None:
    kinds = {kind for kind in vars(accup.errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert all(issubclass(kind, AccupError) for kind in kinds)
    assert {type(error) for error in ERRORS} == kinds
    documented = (ROOT / "docs" / "client.md").read_text()
    for kind in kinds:
        assert kind.__name__ in accup.__all__
        assert f"`{kind.__name__}`" in documented or f"`accup.{kind.__name__}`" in documented


@pytest.mark.parametrize("name", accup.__all__)
def test_what_is_public_can_be_imported(name: str) -> None:
    assert getattr(accup, name)


def test_wrong_arguments_are_errors_of_ours(sessions: Resource, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        sessions.upload(str(uuid4()), tmp_path / "missing.csv")
    with pytest.raises(UsageError, match="is empty"):
        sessions.get("")
    with pytest.raises(UsageError, match="There is no file"):
        send_files(sessions, [tmp_path / "missing.csv"], Review(str(uuid4()), str(uuid4())))


def test_a_digest_may_be_in_capital_letters(sessions: Resource, review: Review) -> None:
    """As PowerShell's Get-FileHash gives it."""
    content = access_file()
    digest = hashlib.sha256(content).hexdigest().upper()
    session = sessions.create(review)
    after = sessions.upload(session.id, lambda: io.BytesIO(content), name="a.csv", size=len(content), sha256=digest)
    assert after.files[0].sha256 == digest.lower()


def test_a_stream_is_uploaded_with_progress(sessions: Resource, review: Review) -> None:
    content = access_file(20_000)
    seen: list[int] = []
    session = sessions.open(review)
    after = sessions.upload(
        session.id, lambda: io.BytesIO(content), name="doors.csv", size=len(content), progress=seen.append
    )
    assert [(file.name, file.size) for file in after.files] == [("doors.csv", len(content))]
    assert seen == sorted(seen)
    assert len(seen) > 5
    assert seen[-1] == len(content)


def test_a_download_is_what_was_uploaded(sessions: Resource, review: Review, tmp_path: Path) -> None:
    path = tmp_path / "doors.csv"
    path.write_bytes(access_file(5))
    session = sessions.upload(sessions.create(review).id, path)
    with io.BytesIO() as copy:
        sessions.download(session.id, session.files[0], copy)
        assert copy.getvalue() == path.read_bytes()


@pytest.mark.parametrize("ranges", [True, False], ids=["here", "where the service knows no ranges"])
def test_a_download_that_is_cut_goes_on(service: str, review: Review, *, ranges: bool) -> None:
    content = access_file(20_000)
    asked: list[str | None] = []

    class Cutting(ForwardingHandler):
        """Cuts the first two answers with the file."""

        upstream = service

        def serve(self) -> None:
            body = b"".join(self.pieces())
            download = self.path.endswith("/$value")
            if download:
                asked.append(self.headers["Range"])
            if not ranges:
                del self.headers["Range"]
            answer = self.forward(body)
            self.start_answer(answer)
            self.wfile.write(answer[2][:600_000] if download and len(asked) < 3 else answer[2])
            self.close_connection = True

    with running(Cutting) as url, Client(url, retries=RetryPolicy(first_delay=0)) as client:
        sessions = client.resource(str(uuid4()), str(uuid4()))
        session = sessions.create(review).id
        after = sessions.upload(session, lambda: io.BytesIO(content), name="a.csv", size=len(content))
        check_contents(sessions, after, content)
    begun = [int(wanted.removeprefix("bytes=").removesuffix("-")) for wanted in asked[1:] if wanted]
    assert asked[0] is None
    assert len(begun) == 2
    assert begun[0] > 100_000
    assert (begun[1] > begun[0]) is ranges


def test_a_refusal_has_its_findings(sessions: Resource, review: Review, tmp_path: Path) -> None:
    path = tmp_path / "doors.csv"
    path.write_bytes(faulty_access_file(3))
    session = sessions.create(review)
    with pytest.raises(ApiError) as caught:
        sessions.upload(session.id, path)
    assert caught.value.refuses_file
    assert [(finding.line, finding.column) for finding in caught.value.findings] == [(3, "permissionId")]


def test_a_compressed_form_decodes_to_the_plain_one() -> None:
    content = access_file(20_000)
    upload = Upload("a.csv", len(content), lambda: io.BytesIO(content))
    forms = [FileForm(upload, compressed) for compressed in (False, True)]
    plain, packed = (b"".join(form) for form in forms)
    boundaries = [form.headers["Content-Type"].partition("boundary=")[2].encode() for form in forms]
    assert gzip.decompress(packed).replace(boundaries[1], boundaries[0]) == plain
    assert len(packed) < len(plain) / 2
    assert forms[1].headers["Content-Encoding"] == "gzip"
    assert "Content-Length" not in forms[1].headers


def test_a_compressed_upload_is_stored_as_it_was(service: str, review: Review) -> None:
    content = access_file(500)
    requests: list[str] = []
    with Client(service, log=requests.append) as client:
        sessions = client.resource(str(uuid4()), str(uuid4()))
        session = sessions.upload(
            sessions.create(review).id, lambda: io.BytesIO(content), name="a.csv", size=len(content), compress=True
        )
        check_contents(sessions, session, content)
    assert [line for line in requests if " 415 " in line] == [], "the service accepts gzip"
    assert session.files[0].sha256 == hashlib.sha256(content).hexdigest()


def check_contents(sessions: Resource, session: Session, content: bytes) -> None:
    with io.BytesIO() as copy:
        sessions.download(session.id, session.files[0], copy)
        assert copy.getvalue() == content


def test_a_stream_needs_a_name_and_a_size(sessions: Resource) -> None:
    with pytest.raises(UsageError, match="name and its size"):
        sessions.upload(str(uuid4()), lambda: io.BytesIO(b""))


@pytest.mark.parametrize("name", ['a"b.csv', "a\nb.csv", "a/b.csv", "a\\b.csv", " . ", "", "x" * 256, "\x1b[2J.csv"])
def test_names_that_a_form_cannot_carry_are_refused(sessions: Resource, review: Review, name: str) -> None:
    session = sessions.create(review)
    with pytest.raises(UsageError, match="cannot be the name"):
        sessions.upload(session.id, lambda: io.BytesIO(b"x"), name=name, size=1)
    assert sessions.get(session.id).files == ()


@pytest.mark.parametrize("name", ["Zugänge Köln.csv", "データ.csv", "a'b;c=d%22.csv", "😀.csv"])
def test_other_names_arrive_unchanged(sessions: Resource, review: Review, name: str) -> None:
    content = access_file()
    session = sessions.upload(sessions.create(review).id, lambda: io.BytesIO(content), name=name, size=len(content))
    assert [file.name for file in session.files] == [name]


def test_an_existing_session_is_opened_with_its_files(sessions: Resource, review: Review) -> None:
    content = access_file()
    first = sessions.open(review)
    sessions.upload(first.id, lambda: io.BytesIO(content), name="doors.csv", size=len(content))
    again = sessions.open(review)
    assert again.id == first.id
    assert [file.name for file in again.files] == ["doors.csv"]


def test_all_pages_of_a_list_are_read(sessions: Resource) -> None:
    created = {sessions.create(Review(str(uuid4()), str(uuid4()))).id for _ in range(120)}
    assert {session.id for session in sessions.list()} == created
