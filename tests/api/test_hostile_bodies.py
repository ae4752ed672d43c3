"""Hostile requests, sent on a raw socket: forms, lengths and headers that no ordinary client sends.

After each of them nothing is stored or remembered, the service still answers, and has not grown.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat

import httpx
import pytest

from local import service as local_service
from local.service import NEVER
from tests.support.access_files import access_file
from tests.support.client import Resource, Session, http_client, multipart, part
from tests.support.forks import start_fork
from tests.support.invariants import Storage
from tests.support.memory import resident
from tests.support.wire import RawAnswer, chunk, connection, head, host_answer, read_answer, upload_head

MIB = 2**20

# What a request may make the service grow by, beside what an upload in flight holds.
GROWTH = 24 * MIB

CHUNKED = {"Transfer-Encoding": "chunked"}
GOOD = multipart(part(access_file()))


@pytest.fixture(scope="module")
def running(storage: Storage) -> Iterator[local_service.Service]:
    """A service of the module's own, so that nobody else makes it grow."""
    settings = {"storage": storage.connection_string, "expiry_schedule": NEVER}
    with local_service.running_service(settings, start=start_fork) as service:
        yield service


@pytest.fixture(scope="module")
def http(running: local_service.Service) -> Iterator[httpx.Client]:
    with http_client(running.url) as client:
        # What is made once is there before anybody looks at the memory.
        session = Resource(client).new_session()
        session.uploaded("access.csv", access_file(50_000))
        yield client


@pytest.fixture
def session(http: httpx.Client) -> Session:
    return Resource(http).new_session()


@contextmanager
def harmless(session: Session, storage: Storage, running: local_service.Service) -> Iterator[None]:
    """Nothing is stored or remembered, the service answers, and has not grown."""
    before = resident(running.pid)
    with storage.unchanged(session.resource):
        yield
        assert session.get().status_code == 200
    assert storage.orphans(session.resource) == []
    assert resident(running.pid) - before < GROWTH


def send(url: str, first: bytes, pieces: Iterator[bytes] | list[bytes]) -> RawAnswer | None:
    """Send for as long as somebody takes it, then read the answer; ``None`` if the connection was just closed."""
    with connection(url) as connected:
        try:
            connected.sendall(first)
            for piece in pieces:
                connected.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough; its answer may be there
        try:
            return read_answer(connected)
        except (ConnectionResetError, ValueError, KeyError, OSError, AssertionError):
            return None


def refused(answer: RawAnswer | None, *statuses: int) -> None:
    """The answer is an error in Graph's shape, with one of these statuses."""
    assert answer is not None
    assert answer.status in statuses, answer.body
    assert answer.json()["error"]["innerError"]["code"]


def chunks(*parts: bytes, endless: bytes = b"", times: int = 0) -> Iterator[bytes]:
    """A chunked body: parts, and one that is repeated."""
    for each in parts:
        yield chunk(each)
    yield from repeat(chunk(endless), times)
    yield chunk(b"")


PREAMBLES = {
    "newlines": b"\r\n" * 32_768,
    "text behind a newline": b"\r\n" + b"x" * 65_534,
    "newlines and text": b"\n" * 1000 + b"x" * 64_000,
}


@pytest.mark.parametrize("preamble", PREAMBLES)
def test_an_endless_preamble_is_refused(
    session: Session, storage: Storage, running: local_service.Service, preamble: str
) -> None:
    with harmless(session, storage, running):
        body = chunks(endless=PREAMBLES[preamble], times=300)
        refused(send(running.url, upload_head(session.path, CHUNKED), body), 400, 413)


def test_an_endless_epilogue_is_refused(session: Session, storage: Storage, running: local_service.Service) -> None:
    with harmless(session, storage, running):
        body = chunks(GOOD, endless=b"x" * 65_536, times=300)
        refused(send(running.url, upload_head(session.path, CHUNKED), body), 413)


ENDLESS_HEADERS = {
    "a header name": (b"--testboundary\r\n", b"x" * 65_536),
    "a header value": (b"--testboundary\r\nX: ", b"x" * 65_536),
    "headers": (b"--testboundary\r\n", b"X-Y: z\r\n" * 8192),
    "a filename": (
        b'--testboundary\r\nContent-Disposition: form-data; name="file"; filename="',
        b"x" * 65_536,
    ),
    "folded lines": (b"--testboundary\r\nX: y\r\n", b" z\r\n" * 16_384),
}


@pytest.mark.parametrize("what", ENDLESS_HEADERS)
def test_endless_part_headers_are_refused(
    session: Session, storage: Storage, running: local_service.Service, what: str
) -> None:
    begin, endless = ENDLESS_HEADERS[what]
    with harmless(session, storage, running):
        body = chunks(begin, endless=endless, times=300)
        refused(send(running.url, upload_head(session.path, CHUNKED), body), 400, 413)


MANY_PARTS = {
    "files": part(access_file()),
    "other fields": part(b"x", "other", None),
    "parts without headers": b"\r\nx",
    "empty parts": b"\r\n",
}


@pytest.mark.parametrize("what", MANY_PARTS)
def test_thousands_of_parts_are_refused(
    session: Session, storage: Storage, running: local_service.Service, what: str
) -> None:
    body = multipart(*[MANY_PARTS[what]] * 5000)
    with harmless(session, storage, running):
        answer = send(running.url, upload_head(session.path, {"Content-Length": str(len(body))}), [body])
        refused(answer, 400)


LENGTHS = {
    "negative": ["Content-Length: -1"],
    "no number": ["Content-Length: ten"],
    "hexadecimal": ["Content-Length: 0x10"],
    "signed": [f"Content-Length: +{len(GOOD)}"],
    "beyond all numbers": [f"Content-Length: {2**64 + len(GOOD)}"],
    "two that differ": [f"Content-Length: {len(GOOD)}", "Content-Length: 5"],
    "a list that differs": [f"Content-Length: {len(GOOD)}, 5"],
    "empty": ["Content-Length: "],
    "a length and chunks": [f"Content-Length: {len(GOOD)}", "Transfer-Encoding: chunked"],
    "an unknown coding": ["Transfer-Encoding: gzip, x"],
    "chunked, but not last": ["Transfer-Encoding: chunked, identity"],
    "chunked in disguise": [f"Content-Length: {len(GOOD)}", "Transfer-Encoding: \x0bchunked"],
}


@pytest.mark.parametrize("what", LENGTHS)
def test_an_ambiguous_or_invalid_length_is_refused(
    session: Session, storage: Storage, running: local_service.Service, what: str
) -> None:
    """Most of it the server refuses by itself, with no more than a line of text; nothing behind it is a request."""
    lines = [f"POST {session.path}/uploadFile HTTP/1.1", "Host: 127.0.0.1"]
    lines += ["Content-Type: multipart/form-data; boundary=testboundary", *LENGTHS[what]]
    smuggled = head("DELETE", session.path, {})
    with harmless(session, storage, running), connection(running.url) as connected:
        connected.settimeout(5)
        connected.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + GOOD + smuggled)
        connected.shutdown(socket.SHUT_WR)
        answers = _read_all(connected)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answers)]
    assert statuses == [] or statuses[0] in (400, 413, 501), answers
    assert 204 not in statuses, "a request was smuggled"


def _read_all(connected: socket.socket) -> bytes:
    received = b""
    try:
        while piece := connected.recv(65_536):
            received += piece
    except (TimeoutError, ConnectionResetError):
        pass
    return received


@pytest.mark.parametrize("missing", [1, 100, 10_000_000])
def test_a_body_shorter_than_its_length_stores_nothing(
    session: Session, storage: Storage, running: local_service.Service, missing: int
) -> None:
    with harmless(session, storage, running), connection(running.url) as connected:
        length = {"Content-Length": str(len(GOOD) + missing)}
        connected.sendall(upload_head(session.path, length) + GOOD)
        connected.shutdown(socket.SHUT_WR)
        _read_all(connected)


def test_a_body_longer_than_its_length_is_not_another_request(
    session: Session, storage: Storage, running: local_service.Service
) -> None:
    with harmless(session, storage, running), connection(running.url) as connected:
        connected.sendall(upload_head(session.path, {"Content-Length": str(len(GOOD) - 5)}) + GOOD)
        connected.shutdown(socket.SHUT_WR)
        answers = _read_all(connected)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers)[0] == b"400"


CHUNKINGS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a size that is none": b"xyz\r\nabc\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nabcde\r\n0\r\n\r\n",
    "a size beyond all numbers": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "more than it says": b"3\r\nabcdef\r\n0\r\n\r\n",
    "an extension without end": b"5;" + b"x" * 200_000 + b"\r\nabcde\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("what", CHUNKINGS)
def test_malformed_chunks_are_refused(
    session: Session, storage: Storage, running: local_service.Service, what: str
) -> None:
    with harmless(session, storage, running), connection(running.url) as connected:
        connected.sendall(upload_head(session.path, CHUNKED) + CHUNKINGS[what])
        connected.shutdown(socket.SHUT_WR)
        answers = _read_all(connected)
    assert b" 200 " not in answers


DISPOSITIONS = {
    "two names": b'form-data; name="file"; filename="a.csv"; filename="../../b.csv"',
    "an encoded name that differs": b'form-data; name="file"; filename="a.csv"; filename*=UTF-8\'\'%2e%2e%2fb.csv',
    "an encoded name with a path": b"form-data; name=\"file\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd",
    "an encoded name with NUL": b"form-data; name=\"file\"; filename*=UTF-8''a%00.csv",
    "an encoding that is none": b"form-data; name=\"file\"; filename*=utf-99''a%FF.csv",
    "a continued name": b'form-data; name="file"; filename*0="../"; filename*1="b.csv"',
    "a path": b'form-data; name="file"; filename="../../etc/passwd"',
    "a Windows path": b'form-data; name="file"; filename="C:\\\\temp\\\\a.csv"',
    "a share": b'form-data; name="file"; filename="\\\\\\\\host\\\\share\\\\a.csv"',
    "dots": b'form-data; name="file"; filename=".."',
    "a line break": b'form-data; name="file"; filename="a%0d%0aX: y.csv"',
    "two parts' names": b'form-data; name="file"; name="other"; filename="a.csv"',
}


@pytest.mark.parametrize("what", DISPOSITIONS)
def test_a_name_never_becomes_a_path(
    session: Session, storage: Storage, running: local_service.Service, what: str
) -> None:
    """It is refused, or taken as it is written: what is stored has a name without a path, and no second one."""
    content = access_file()
    body = multipart(b"Content-Disposition: " + DISPOSITIONS[what] + b"\r\n\r\n" + content)

    answer = session.post_multipart(body)

    assert answer.status_code in (200, 400), answer.text
    for name in session.file_names():
        assert "/" not in name
        assert "\\" not in name
        assert name.strip(" .")
        assert "\r" not in name
    assert all(blob.count("/") == 3 for blob in storage.blob_names(session.resource))
    assert storage.violations(session.resource) == []


BOUNDARIES = {
    "none": "multipart/form-data",
    "an empty one": "multipart/form-data; boundary=",
    "an empty one in quotes": 'multipart/form-data; boundary=""',
    "71 characters": f"multipart/form-data; boundary={'x' * 71}",
    "a megabyte": f"multipart/form-data; boundary={'x' * 20_000}",
    "two": "multipart/form-data; boundary=other; boundary=testboundary",
    "one of another kind": "multipart/mixed; boundary=testboundary",
}


@pytest.mark.parametrize("what", BOUNDARIES)
def test_an_invalid_boundary_is_refused(
    session: Session, storage: Storage, running: local_service.Service, what: str
) -> None:
    with harmless(session, storage, running):
        headers = {"Content-Type": BOUNDARIES[what]}
        answer = session.http.post(f"{session.path}/uploadFile", content=GOOD, headers=headers)
        assert answer.status_code in (400, 415), answer.text


def test_a_boundary_without_a_preceding_line_break_is_part_of_the_file(session: Session) -> None:
    content = access_file().replace(b"\r\n", b"\n") + b"--testboundary--,user,1,one,,\n"
    answer = session.post_multipart(multipart(part(content)))
    # It is a part of the file, whose last row is bad then.
    assert answer.status_code == 400
    assert answer.json()["error"]["innerError"]["code"] == "invalidFile"


def test_huge_headers_are_refused(session: Session, storage: Storage, running: local_service.Service) -> None:
    with harmless(session, storage, running):
        many = head("GET", session.path, {f"X-{number}": "y" for number in range(200)})
        long = head("GET", session.path, {"X": "y" * 60_000})
        for request in (many, long):
            assert host_answer(running.url, [request]) == 431


def test_a_huge_path_is_refused(session: Session, storage: Storage, running: local_service.Service) -> None:
    with harmless(session, storage, running):
        assert host_answer(running.url, [head("GET", "/v1.0/" + "x" * 60_000, {})]) == 414
        slashes = "/v1.0" + "/x" * 3000
        refused(send(running.url, head("GET", slashes, {}), []), 404)


def test_a_form_allows_the_extra_bytes_that_clients_send(session: Session) -> None:
    answer = session.post_multipart(b"\r\n" + GOOD + b"\r\n" * 1000)
    assert answer.status_code == 200, answer.text


HOSTS = ["evil.example", "evil.example:80", "127.0.0.1@evil.example", "[", "evil.example/x", "a b", "x" * 10_000, ""]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded"])
def test_links_never_contain_a_host_from_the_request(
    session: Session, running: local_service.Service, host: str, header: str
) -> None:
    value = f"host={host}" if header == "Forwarded" else host
    lines = [f"GET {session.resource.path}?$top=1&$count=true HTTP/1.1", f"{header}: {value}"]
    if header != "Host":
        lines.append("Host: 127.0.0.1")
    session.resource.new_session()
    with connection(running.url) as connected:
        connected.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = read_answer(connected)
    assert answer.status == 200, answer.body
    assert b"evil" not in answer.body
    assert answer.json()["@odata.context"].startswith(f"{running.url}/")
    assert answer.json()["@odata.nextLink"].startswith(f"{running.url}/")


def test_pipelined_requests_get_responses_in_order(session: Session, running: local_service.Service) -> None:
    last = head("GET", session.path, {"Connection": "close"})
    with connection(running.url) as connected:
        connected.sendall(head("GET", session.path, {}) * 99 + last)
        answers = _read_all(connected)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"200"] * 100
