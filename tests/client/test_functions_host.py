"""Under Microsoft's Functions host: how large files are sent, and what its own answers are taken for."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import pytest

from accup import ApiError, Client, ConflictError, HostError, RetryPolicy, Review, ServiceError
from accup.api.host_answers import HOST_ANSWERS, HOST_BODY_BYTES
from accup.api.upload import CHUNKED_ABOVE_BYTES
from accup.signin.challenge import Challenge
from tests.client.command import Command, folder_of
from tests.client.functions_host import CUT, FunctionsHost, functions_host
from tests.client.graph_stand_in import graph_stand_in
from tests.support.access_files import access_file, access_file_of
from tests.support.authority import READ_ALL, READ_WRITE_ALL, Authority
from tests.support.client import Resource, Session

MIB = 2**20
LARGE = 3 * MIB


@pytest.fixture
def host(service: str) -> Iterator[FunctionsHost]:
    """The host in front of the service."""
    with functions_host(service) as running:
        yield running


@pytest.fixture
def accup(installed: Command, host: FunctionsHost, resource: Resource) -> Command:
    """The command for a resource and a review instance that nobody has used, through the host."""
    return installed.on(resource).using(ACCUP_URL=host.url)


def upload(
    session: Session,
    host: FunctionsHost,
    content: bytes | Callable[[], BinaryIO],
    *,
    size: int | None = None,
    attempts: int = 3,
    progress: Callable[[int], None] | None = None,
    compress: bool | None = None,
) -> list[str]:
    """Upload a file into a session through the host; gives the names of the session's files then."""
    source = content if callable(content) else lambda: io.BytesIO(content)
    size = size if callable(content) else len(content)
    with Client(host.url, retries=RetryPolicy(attempts, first_delay=0.01)) as client:
        sessions = client.resource(session.resource.catalog_id, session.resource.resource_id)
        after = sessions.upload(session.id, source, name="doors.csv", size=size, progress=progress, compress=compress)
    return [file.name for file in after.files]


# How large files are sent.


def test_a_large_file_is_sent_in_chunks_after_a_look_and_a_small_one_with_a_length(
    accup: Command, host: FunctionsHost, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "in", small=access_file(), large=access_file_of(LARGE))
    ran = accup("send", folder, "--at-once", "1", "--complete", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "complete"
    assert [(seen.framing, "content-length" in seen.headers) for seen in host.uploads] == [
        ("chunked", False),
        ("length", True),
    ]
    assert host.steps[1:4] == [f"GET {ran.json['session']}", "GET config", "POST uploadFile"]


@pytest.mark.parametrize(("more", "framing"), [(0, "length"), (1, "chunked")], ids=["at 1 MiB", "one byte above"])
def test_bodies_above_one_mib_are_chunked(session: Session, host: FunctionsHost, more: int, framing: str) -> None:
    upload(session, host, access_file())
    around = host.uploads[0].body_bytes - len(access_file())
    session.resource.session(session.id).files()
    with Client(host.url) as client:
        content = access_file_of(CHUNKED_ABOVE_BYTES - around + more)
        client.resource(session.resource.catalog_id, session.resource.resource_id).upload(
            session.id, lambda: io.BytesIO(content), name="other.csv", size=len(content)
        )
    assert (host.uploads[1].body_bytes, host.uploads[1].framing) == (CHUNKED_ABOVE_BYTES + more, framing)


def test_limits_are_asked_once_and_only_for_large_files(accup: Command, host: FunctionsHost, tmp_path: Path) -> None:
    files = {f"large{number}": access_file_of(CHUNKED_ABOVE_BYTES + number) for number in range(4)}
    assert accup("send", folder_of(tmp_path / "large", **files)).code == 0
    assert host.steps.count("GET config") == 1
    host.requests.clear()
    assert accup("send", folder_of(tmp_path / "small", small=access_file(500))).code == 0
    assert "GET config" not in host.steps


def test_graph_gets_a_length_and_no_question(installed: Command, tmp_path: Path) -> None:
    """The stand-in is not at Graph's address: what tells it from this service is its sessions."""
    with graph_stand_in() as graph:
        accup = installed.using(
            ACCUP_URL=graph.url, ACCUP_CATALOG=str(uuid4()), ACCUP_RESOURCE=str(uuid4()), ACCUP_REVIEW=str(uuid4())
        )
        ran = accup("send", folder_of(tmp_path / "in", large=access_file_of(LARGE)), "--complete", "--json")
        assert ran.code == 0, ran.err
        (sent,) = [headers for _, path, headers in graph.requests if path.endswith("/uploadFile")]
        assert int(sent["Content-Length"]) > LARGE
        assert not [path for _, path, _ in graph.requests if path.endswith("/config")]


@pytest.mark.parametrize("known", ["no configuration", "no limit of the host", "limits that are none"])
def test_without_known_limits_a_large_file_is_sent(
    accup: Command, host: FunctionsHost, tmp_path: Path, known: str
) -> None:
    host.has_configuration = known != "no configuration"
    if known == "limits that are none":
        host.limits = {"maxFiles": None, "maxFileBytes": "many", "maxBodyBytes": -1}
    ran = accup("send", folder_of(tmp_path / "in", large=access_file_of(LARGE)), "--complete", "--json")
    assert ran.code == 0, ran.err
    assert host.uploads[0].framing == "chunked"


def test_progress_of_a_chunked_upload_is_that_of_the_file(session: Session, host: FunctionsHost) -> None:
    told: list[int] = []
    upload(session, host, access_file_of(LARGE), progress=told.append)
    assert (sorted(told), told[-1], len(told)) == (told, LARGE, 12)


# What is not sent.


def test_a_file_above_the_limit_of_files_is_refused_before_it_is_sent(
    accup: Command, host: FunctionsHost, tmp_path: Path
) -> None:
    host.limits = {"maxFileBytes": 2 * MIB}
    ran = accup("send", folder_of(tmp_path / "in", small=access_file(), large=access_file_of(LARGE)), "--json")
    assert ran.code == 3
    large, small = ran.json["files"]
    assert (large["accepted"], small["accepted"]) == (False, True)
    (finding,) = large["findings"]
    assert finding["code"] == "maxFileSizeExceeded"
    assert "3,145,728 bytes" in finding["message"]
    assert "at most 2,097,152 bytes" in finding["message"]
    assert "Split the file" in finding["message"]
    assert "UPLOADS_MAX_FILE_BYTES" in finding["message"]
    assert max(seen.body_bytes for seen in host.requests) < MIB


@pytest.mark.parametrize(
    ("most", "options"), [(2 * MIB, ["--no-compress"]), (MIB // 2, [])], ids=["plain", "too large compressed"]
)
def test_a_form_above_the_limit_of_bodies_is_refused_before_it_is_sent(
    accup: Command, host: FunctionsHost, tmp_path: Path, most: int, options: list[str]
) -> None:
    host.limits = {"maxBodyBytes": most}
    large = access_file(40_000)
    ran = accup("send", folder_of(tmp_path / "in", large=large), *options, "--json")
    assert ran.code == 3
    (finding,) = ran.json["files"][0]["findings"]
    assert f"more than {most:,} bytes" in finding["message"]
    assert "Split the file" in finding["message"]
    assert "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT" in finding["message"]
    assert host.uploads == []


def test_a_form_above_the_limit_of_bodies_is_compressed_if_that_fits(
    accup: Command, host: FunctionsHost, tmp_path: Path
) -> None:
    host.most = 2 * MIB
    host.limits = {"maxBodyBytes": host.most}
    ran = accup("send", folder_of(tmp_path / "in", large=access_file(40_000)), "--complete", "--json")
    assert ran.code == 0, ran.err
    (sent,) = host.uploads
    assert (sent.encoding, sent.body_bytes < host.most) == ("gzip", True)


def test_a_form_that_compresses_less_than_its_beginning_ends_at_the_limit(
    session: Session, host: FunctionsHost
) -> None:
    host.limits = {"maxBodyBytes": 2 * MIB}
    content = access_file_of(MIB) + b"\n" * 4 * MIB + access_file(100_000)
    with pytest.raises(ApiError, match="even compressed") as caught:
        upload(session, host, content)
    assert (caught.value.status, caught.value.refuses_file) == (413, True)
    assert len(host.uploads) == 1
    assert session.read()["stats"]["filesUploaded"] == 0


def test_a_full_session_gets_no_large_file(session: Session, host: FunctionsHost) -> None:
    session.uploaded("other.csv")
    host.limits = {"maxFiles": 1}
    with pytest.raises(ConflictError, match="UPLOADS_MAX_FILES"):
        upload(session, host, access_file_of(LARGE))
    assert host.uploads == []


def test_a_session_that_is_over_gets_no_large_file(session: Session, host: FunctionsHost) -> None:
    session.uploaded("other.csv")
    session.completed()
    with pytest.raises(ConflictError, match="is complete"):
        upload(session, host, access_file_of(LARGE))
    assert host.uploads == []


def test_who_may_not_write_sends_no_large_file(
    installed: Command, guarded: str, authority: Authority, tmp_path: Path
) -> None:
    with functions_host(guarded) as host:
        accup = installed.using(
            ACCUP_URL=host.url, ACCUP_CATALOG=str(uuid4()), ACCUP_RESOURCE=str(uuid4()), ACCUP_REVIEW=str(uuid4())
        ).using(ACCUP_TOKEN=authority.token(roles=[READ_ALL]))
        assert accup("send", folder_of(tmp_path / "in", large=access_file_of(LARGE))).code == 4
        assert host.uploads == []


# What the host answers in place of the service.


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (400, 6, "characters that are not allowed"),
        (404, 6, "0 functions loaded"),
        (413, 3, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"),
        (414, 6, "8 KiB"),
        (429, 6, "no free slot"),
        (431, 6, "too many groups"),
        (500, 6, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"),
        (502, 6, "restarted"),
        (503, 6, "being started"),
    ],
)
def test_an_answer_of_the_host_is_explained(
    accup: Command, host: FunctionsHost, status: int, code: int, said: str
) -> None:
    host.answers(status)
    ran = accup("list", "--retries", "0")
    assert ran.code == code
    assert f"The Functions host answered {status} in place of the service." in ran.err
    assert said in ran.err


def test_every_answer_of_the_host_says_what_to_do() -> None:
    assert set(HOST_ANSWERS) == {400, 404, 413, 414, 429, 431, 500, 502, 503}
    assert all(answer.meaning.endswith(".") and answer.advice.endswith(".") for answer in HOST_ANSWERS.values())


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("rows", [3, 20_000], ids=["small", "large"])
def test_a_host_that_is_busy_or_starts_is_waited_for(
    accup: Command, host: FunctionsHost, tmp_path: Path, status: int, rows: int
) -> None:
    for method, path in (("POST", "/uploadSessions"), ("POST", "/uploadFile"), ("PATCH", "")):
        host.answers(status, method=method, path=path)
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file(rows)), "--complete", "--json")
    assert ran.code == 0, ran.err
    assert len(host.uploads) == 2
    assert "GET" in host.steps[host.steps.index("POST uploadFile") + 1], "a look before the repetition"


def test_a_400_of_the_host_is_no_fault_of_the_file(accup: Command, host: FunctionsHost, tmp_path: Path) -> None:
    host.answers(400, method="POST", path="/uploadFile")
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--json")
    assert ran.code == 6
    assert "The Functions host answered 400" in ran.json["error"]
    assert ran.json["files"][0]["findings"] == []


def test_a_413_of_the_host_refuses_the_file(accup: Command, host: FunctionsHost, tmp_path: Path) -> None:
    host.answers(413, method="POST", path="/uploadFile")
    ran = accup("send", folder_of(tmp_path / "in", doors=access_file()), "--json")
    assert ran.code == 3
    assert "Split the file" in ran.json["files"][0]["findings"][0]["message"]


def test_a_404_of_the_host_does_not_mean_that_a_file_was_removed(
    accup: Command, host: FunctionsHost, tmp_path: Path
) -> None:
    """A repeated DELETE that meets a 404 of the service has been carried out; the host's says nothing."""
    accup("send", folder_of(tmp_path / "in", doors=access_file()))
    host.answers(503, method="DELETE")
    host.answers(404, method="DELETE")
    assert accup("remove", "doors.csv").code == 6


# An early answer of the service is lost under that host: a look tells what it was.


ENDINGS = pytest.mark.parametrize("ending", [500, CUT], ids=["500 without a body", "the connection breaks"])
ATTEMPTS = pytest.mark.parametrize("attempts", [1, 3], ids=["the last attempt", "not the last attempt"])


@ATTEMPTS
def test_a_session_that_ends_during_the_upload_is_named(session: Session, host: FunctionsHost, attempts: int) -> None:
    """The service answers 409, and the host makes it 500."""
    session.uploaded("other.csv")

    def complete(sent: int) -> None:
        if sent == MIB:
            session.completed()

    with pytest.raises(ConflictError, match="is complete"):
        upload(session, host, access_file_of(LARGE), attempts=attempts, progress=complete)
    assert len(host.uploads) == 1


@ENDINGS
@ATTEMPTS
def test_a_session_that_is_gone_is_named(session: Session, host: FunctionsHost, ending: int, attempts: int) -> None:
    host.answers(ending, method="POST", path="/uploadFile")

    def delete(sent: int) -> None:
        if sent == 256 * 1024:
            session.delete()

    with pytest.raises(ApiError) as caught:
        upload(session, host, access_file_of(LARGE), attempts=attempts, progress=delete)
    assert (caught.value.status, isinstance(caught.value, HostError)) == (404, False)
    assert len(host.uploads) == 1


class Expiring:
    """A token that is no longer accepted after some progress, and cannot be renewed."""

    def __init__(self, token: str) -> None:
        self.token = token

    def current(self) -> str:
        return self.token

    def answer(self, challenge: Challenge, refused: str | None) -> bool:
        return False

    def expire(self, sent: int) -> None:
        self.token = "expired"


@ENDINGS
@ATTEMPTS
def test_a_token_that_expires_during_the_upload_is_named(
    guarded: str, authority: Authority, ending: int, attempts: int
) -> None:
    tokens = Expiring(authority.token(roles=[READ_WRITE_ALL]))
    with functions_host(guarded) as host:
        host.answers(ending, method="POST", path="/uploadFile")
        with Client(host.url, tokens, retries=RetryPolicy(attempts, first_delay=0.01)) as client:
            sessions = client.resource(str(uuid4()), str(uuid4()))
            session = sessions.create(Review(str(uuid4()), str(uuid4())))
            content = access_file_of(LARGE)
            with pytest.raises(ApiError) as caught:
                sessions.upload(
                    session.id,
                    lambda: io.BytesIO(content),
                    name="doors.csv",
                    size=len(content),
                    progress=tokens.expire,
                )
        assert caught.value.status == 401
        assert len(host.uploads) == 1


@ENDINGS
def test_an_upload_whose_attempts_all_fail_tells_the_host_s_answer(
    session: Session, host: FunctionsHost, ending: int
) -> None:
    host.answers(ending, times=2, method="POST", path="/uploadFile")
    with pytest.raises(HostError if ending else ServiceError, match="FUNCTIONS_REQUEST" if ending else "broke"):
        upload(session, host, access_file_of(LARGE), attempts=2)
    assert host.steps[-1] == f"GET {session.id}"


def test_a_large_body_that_the_host_s_default_limit_stops_is_sent_once(session: Session, host: FunctionsHost) -> None:
    """Where the service does not tell the limit, the answer decides."""
    host.limits["maxBodyBytes"] = None
    host.most = HOST_BODY_BYTES
    size = HOST_BODY_BYTES + MIB

    with pytest.raises(HostError, match="FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"):
        upload(session, host, lambda: io.BytesIO(b"\n" * size), size=size)
    assert len(host.uploads) == 1
