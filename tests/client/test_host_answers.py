"""Under Microsoft's Functions host: what its own answers are taken for."""

import io
from pathlib import Path
from uuid import uuid4

import pytest

from accup import ApiError, Client, ConflictError, HostError, RetryPolicy, Review, ServiceError
from accup.api.host_answers import HOST_ANSWERS, HOST_BODY_BYTES
from accup.signin.tokens import Tokens
from tests.client.command import Command, folder_of
from tests.client.functions_host import CUT, FunctionsHost, functions_host, upload
from tests.support.access_files import access_file, access_file_of
from tests.support.authority import READ_WRITE_ALL, Authority
from tests.support.client import Resource, Session

MIB = 2**20
LARGE = 3 * MIB


@pytest.fixture
def accup(installed: Command, host: FunctionsHost, resource: Resource) -> Command:
    """The command for a resource and a review instance that nobody has used, through the host."""
    return installed.on(resource).using(ACCUP_URL=host.url)


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
    assert "The Functions host answered 400" in ran.json["error"]["message"]
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


class Expiring(Tokens):
    """A token that is no longer accepted after some progress, and cannot be renewed."""

    def __init__(self, token: str) -> None:
        self.token = token

    def current(self) -> str:
        return self.token

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
