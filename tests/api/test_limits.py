"""Limits for what a caller sends, enforced while the request is received."""

import gzip
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.access_files import access_file, access_file_of
from tests.support.authority import Authority
from tests.support.client import Resource, Session, assert_error, create_body, http_client, multipart, part
from tests.support.invariants import Storage
from tests.support.service import eventually, running_service
from tests.support.wire import (
    chunk,
    connection,
    exchange,
    head,
    host_answer,
    read_answer,
    read_host_answer,
    send_until_refused,
    upload_head,
)

CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.fixture(scope="module")
def log(log_folder: Path) -> Path:
    """The log of the impatient service, which tells what the app answered where the host does not pass it on."""
    return log_folder / f"{uuid4()}.log"


@pytest.fixture(scope="module")
def impatient(storage: Storage, log: Path) -> Iterator[str]:
    """A service that waits one second for the next piece of a body."""
    with running_service(storage.connection_string, log, stall_seconds=1) as url:
        yield url


@pytest.fixture
def resource(impatient: str) -> Iterator[Resource]:
    with http_client(impatient) as http:
        yield Resource(http)


@pytest.fixture
def session(resource: Resource) -> Session:
    return resource.new_session()


def answered(log: Path, operation: str, session_id: str) -> list[int]:
    """The statuses that the app answered to an operation on a session."""
    lines = re.findall(rf"operation={operation} status=(\d+) .* session={session_id}", log.read_text())
    return [int(status) for status in lines]


def test_a_stalled_upload_is_aborted_and_leaves_nothing(
    session: Session, impatient: str, log: Path, storage: Storage
) -> None:
    body = multipart(part(access_file(2500)))
    with storage.unchanged(session.resource), connection(impatient) as connected:
        began = time.monotonic()
        connected.sendall(upload_head(session.path, CHUNKED) + chunk(body[:100_000]))
        status = read_host_answer(connected)
        took = time.monotonic() - began

    assert answered(log, "upload_file", session.id) == [408]
    assert status == 500, "the host passes no answer on before the end of the body"
    assert 1 <= took < 10
    assert storage.orphans(session.resource) == []


def test_a_stalled_json_body_is_aborted(session: Session, impatient: str, log: Path) -> None:
    with connection(impatient) as connected:
        headers = {"Content-Type": "application/json", **CHUNKED}
        connected.sendall(head("PATCH", session.path, headers) + chunk(b'{"isUpload'))
        status = read_host_answer(connected)

    assert answered(log, "update_session", session.id) == [408]
    assert status == 500


def test_a_json_body_that_arrives_byte_by_byte_is_aborted(session: Session, impatient: str, log: Path) -> None:
    with connection(impatient) as connected:
        began = time.monotonic()
        connected.sendall(head("PATCH", session.path, {"Content-Type": "application/json", **CHUNKED}))
        send_until_refused(connected, [chunk(b" ")] * 40, pause=0.3)
        took = time.monotonic() - began

    assert answered(log, "update_session", session.id) == [408]
    assert 1 <= took < 10


def test_an_upload_of_a_few_bytes_now_and_then_is_aborted(session: Session, impatient: str, log: Path) -> None:
    body = multipart(part(access_file(2500)))
    pieces = (chunk(body[at : at + 50]) for at in range(0, 2000, 50))
    with connection(impatient) as connected:
        connected.sendall(upload_head(session.path, CHUNKED))
        began = time.monotonic()
        send_until_refused(connected, pieces, pause=0.3)
        took = time.monotonic() - began

    assert answered(log, "upload_file", session.id) == [408]
    assert 1 <= took < 5


def test_a_slow_upload_is_accepted(session: Session, impatient: str) -> None:
    body = multipart(part(access_file()))
    pieces = [body[at : at + len(body) // 4 + 1] for at in range(0, len(body), len(body) // 4 + 1)]
    with connection(impatient) as connected:
        connected.sendall(upload_head(session.path, {"Content-Length": str(len(body))}))
        for piece in pieces:
            time.sleep(0.5)
            connected.sendall(piece)
        answer = read_answer(connected)

    assert answer.status == 200


@pytest.mark.parametrize("coding", ["deflate", "br", "identity, gzip", "gzip, gzip", "x"])
def test_unsupported_content_codings_are_refused(session: Session, storage: Storage, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    with storage.unchanged(session.resource):
        for answer in (
            session.upload("a.csv", headers=headers),
            session.http.post(f"{session.path}/validateFile", files={"file": b"x"}, headers=headers),
        ):
            assert_error(answer, 415, "notSupported")
            assert answer.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
def test_other_operations_support_no_content_coding(session: Session, storage: Storage, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    with storage.unchanged(session.resource):
        for answer in (
            session.resource.create(create_body(), headers),
            session.patch({"isUploadDone": True}, headers),
        ):
            assert_error(answer, 415, "notSupported")
            assert answer.headers["Accept-Encoding"] == "identity"


def test_a_wrong_content_type_is_not_answered_with_accept_encoding(session: Session) -> None:
    """RFC 7694, section 3."""
    answer = session.http.post(f"{session.path}/uploadFile", content=b"x", headers={"Content-Type": "text/csv"})

    assert_error(answer, 415, "notSupported")
    assert "Accept-Encoding" not in answer.headers


def test_the_identity_coding_is_accepted(session: Session) -> None:
    assert session.upload("a.csv", headers={"Content-Encoding": "Identity"}).status_code == 200


def test_the_length_of_a_query_is_limited_by_the_host(session: Session, impatient: str) -> None:
    def ask(length: int) -> bytes:
        return head("GET", f"{session.path}?x={'y' * length}", {"Connection": "close"})

    assert exchange(impatient, [ask(6000)]).status == 200
    assert host_answer(impatient, [ask(10_000)]) == 414


# Limits that an administrator has set


@pytest.fixture(scope="module")
def narrow(storage: Storage) -> Iterator[httpx.Client]:
    """A service with limits as low as they can be set."""
    limits = {"max_url_bytes": 1024, "max_headers": 20, "max_header_bytes": 4096, "max_json_bytes": 1024}
    limits |= {"max_form_bytes": 1024, "max_filter_length": 100, "max_filter_depth": 1, "max_findings": 1}
    with running_service(storage.connection_string, **limits) as url, http_client(url) as http:
        yield http


def test_each_limit_can_be_set_and_its_error_names_the_setting(narrow: httpx.Client) -> None:
    resource = Resource(narrow)
    session = resource.new_session()
    session.uploaded("access.csv")
    padded = create_body() | {"@odata.padding": "x" * 1024}
    preamble = b"\r\n" * 600
    answers = {
        "UPLOADS_MAX_URL_BYTES": session.get({"x": "y" * 1000}),
        "UPLOADS_MAX_HEADERS": session.get(headers={f"X-{number}": "y" for number in range(20)}),
        "UPLOADS_MAX_HEADER_BYTES": session.get(headers={"X": "y" * 4096}),
        "UPLOADS_MAX_JSON_BYTES": resource.create(padded),
        "UPLOADS_MAX_FORM_BYTES": session.post_multipart(preamble + multipart(part(access_file()))),
    }
    for setting, answer in answers.items():
        assert answer.status_code in (400, 413), answer.text
        assert setting in answer.json()["error"]["message"]
    assert "UPLOADS_MAX_FILTER_LENGTH" in resource.sessions({"$filter": "status eq 'active'" + " " * 100}).text
    assert "UPLOADS_MAX_FILTER_DEPTH" in resource.sessions({"$filter": "((status eq 'active'))"}).text
    assert resource.sessions({"$filter": "(status eq 'active')"}).status_code == 200
    assert session.read()["stats"]["filesUploaded"] == 1


def test_requests_without_authentication_are_limited_by_address(storage: Storage) -> None:
    with (
        running_service(storage.connection_string, requests_per_minute=3) as url,
        http_client(url) as http,
        http_client(url, source="127.0.0.2") as another,
    ):
        sessions = Resource(http).path
        statuses = [http.get(sessions, headers={"X-Forwarded-For": f"10.0.0.{each}"}).status_code for each in range(4)]

        assert statuses == [200, 200, 200, 429]
        assert another.get(sessions).status_code == 200


# Uploads at the same time


@pytest.fixture(scope="module")
def one_by_one(storage: Storage, authority: Authority) -> Iterator[str]:
    """A service that takes one upload or download of a caller at a time."""
    limits = {"max_transfers_per_process": 3, "caller_share_percent": 33}
    with running_service(storage.connection_string, **limits, **authority.settings) as url:
        yield url


def test_the_concurrent_uploads_of_a_caller_are_limited(
    one_by_one: str, authority: Authority, storage: Storage
) -> None:
    token, another = (authority.token(oid=str(uuid4())) for _ in range(2))
    body = multipart(part(access_file(), filename=b"slow.csv"))
    with http_client(one_by_one, token) as http, connection(one_by_one) as connected:
        session = Resource(http).new_session()
        headers = {"Authorization": f"Bearer {token}", **CHUNKED}
        connected.sendall(upload_head(session.path, headers) + chunk(body[:-10]))
        assert eventually(lambda: session.upload("a.csv").status_code == 429)

        refused = session.upload("b.csv", access_file(2500))
        error = assert_error(refused, 429, "activityLimitReached", "throttledRequest")
        assert "UPLOADS_CALLER_SHARE_PERCENT" in error["message"]
        assert session.read()["stats"]["filesUploaded"] <= 1
        with http_client(one_by_one, another) as theirs:
            Resource(theirs).new_session().uploaded("access.csv")

        connected.sendall(chunk(body[-10:]) + chunk(b""))
        assert read_answer(connected).status == 200
        session.uploaded("b.csv")
    assert storage.violations(session.resource) == []


def test_an_upload_keeps_its_slot_while_the_rest_of_its_body_is_discarded(
    one_by_one: str, authority: Authority
) -> None:
    token = authority.token(oid=str(uuid4()))
    body = multipart(part(access_file_of(1_000_000)))
    with http_client(one_by_one, token) as http, connection(one_by_one) as connected:
        session = Resource(http).new_session()
        headers = {"Authorization": f"Bearer {token}", **CHUNKED}
        connected.sendall(upload_head(session.path, headers, boundary="x" * 71) + chunk(body[:500_000]))
        time.sleep(0.5)

        assert session.upload("a.csv").status_code == 429

        connected.sendall(chunk(body[500_000:]) + chunk(b""))
        assert read_answer(connected).status == 415
        session.uploaded("a.csv")


def test_an_upload_without_a_slot_does_not_hold_one_of_the_host(
    one_by_one: str, authority: Authority, storage: Storage
) -> None:
    """A small one gets its answer. A large one would be received to its end, so that its connection is closed."""
    token = authority.token(oid=str(uuid4()))
    body = multipart(part(access_file(), filename=b"slow.csv"))
    headers = {"Authorization": f"Bearer {token}", **CHUNKED}
    with http_client(one_by_one, token) as http, connection(one_by_one) as slow, connection(one_by_one) as refused:
        session = Resource(http).new_session()
        slow.sendall(upload_head(session.path, headers) + chunk(body[:-10]))
        assert eventually(lambda: session.upload("a.csv").status_code == 429)

        answer = exchange(one_by_one, [upload_head(session.path, headers), chunk(body), chunk(b"")])
        began = time.monotonic()
        refused.sendall(upload_head(session.path, headers) + chunk(body[:-10]))
        status = read_host_answer(refused)

        assert answer.status == 429
        assert status == 500
        assert time.monotonic() - began < 10
        slow.sendall(chunk(body[-10:]) + chunk(b""))
        assert read_answer(slow).status == 200


def test_the_concurrent_uploads_of_all_callers_are_limited(storage: Storage) -> None:
    body = multipart(part(access_file(), filename=b"slow.csv"))
    with (
        running_service(storage.connection_string, max_transfers_per_process=1) as url,
        http_client(url) as http,
        connection(url, source="127.0.0.2") as connected,
    ):
        session = Resource(http).new_session()
        file = session.uploaded("first.csv")
        connected.sendall(upload_head(session.path, CHUNKED) + chunk(body[:-10]))
        assert eventually(lambda: session.upload("a.csv").status_code == 503)

        for refused in (session.upload("b.csv"), session.value(file["id"])):
            error = assert_error(refused, 503, "serviceNotAvailable")
            assert "UPLOADS_MAX_TRANSFERS_PER_PROCESS" in error["message"]
        assert session.get().status_code == 200

        connected.sendall(chunk(body[-10:]) + chunk(b""))
        assert read_answer(connected).status == 200
        session.uploaded("b.csv")
    assert storage.violations(session.resource) == []


@pytest.fixture(scope="module")
def hasty(storage: Storage, log_folder: Path) -> Iterator[tuple[str, Path]]:
    """A service whose uploads may take two seconds, and its log."""
    log = log_folder / f"{uuid4()}.log"
    with running_service(storage.connection_string, log, max_upload_seconds=2) as url:
        yield url, log


@cache
def _long_form(*, valid: bool) -> bytes:
    return multipart(part(access_file_of(20_000_000) if valid else b"x\n" * 10_000_000))


@pytest.mark.parametrize(
    ("known", "compressed", "valid", "earlier"),
    [
        pytest.param(True, False, True, None, id="a session"),
        pytest.param(True, True, True, None, id="a session, gzip"),
        pytest.param(True, False, False, None, id="a session, with findings"),
        pytest.param(True, True, False, 400, id="a session, gzip that expands too much"),
        pytest.param(False, False, True, 404, id="no session"),
        pytest.param(False, True, True, 404, id="no session, gzip"),
        # Nothing of it is staged, so that nobody looks at the session before the end.
        pytest.param(False, False, False, None, id="no session, with findings"),
        pytest.param(False, True, False, 404, id="no session, gzip that expands too much"),
    ],
)
def test_an_upload_ends_within_its_time_limit(
    hasty: tuple[str, Path], storage: Storage, *, known: bool, compressed: bool, valid: bool, earlier: int | None
) -> None:
    """Whatever its status is, and whatever the app is doing when the time is over.

    ``earlier``: the status of what it may have found before; else it is 408, and not what it would have found later.
    """
    url, log = hasty
    body = gzip.compress(_long_form(valid=valid), 1) if compressed else _long_form(valid=valid)
    with http_client(url) as http:
        session = Resource(http).new_session()
        session_id = session.id if known else str(uuid4())
        path = session.path.replace(session.id, session_id)
        headers = CHUNKED | ({"Content-Encoding": "gzip"} if compressed else {})
        half = len(body) // 2
        with storage.unchanged(session.resource), connection(url) as connected:
            began = time.monotonic()
            beginning = upload_head(path, headers) + chunk(body[:half])
            slowly = (chunk(body[at : at + 10]) for at in range(half, half + 2000, 10))
            send_until_refused(connected, [beginning, *slowly], pause=0.1)
            took = time.monotonic() - began

    assert 2 <= took < 10
    assert answered(log, "upload_file", session_id) in ([408], [earlier])
