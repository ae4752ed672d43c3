"""Requests exactly as official clients and Microsoft's template send them."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.access_files import access_file, access_file_of
from tests.support.client import ALL_PATHS, Json, Paths, Session, create_body, multipart, part
from tests.support.invariants import Storage
from tests.support.wire import RawAnswer, chunk, connection, exchange, head, read_answer, upload_head

CHUNKED = {"Transfer-Encoding": "chunked"}


def template_body(content: bytes) -> bytes:
    """What the Logic App template sends: its part headers, its fixed boundary, no line break behind the last one."""
    return (
        b"--testboundary\r\n"
        b'Content-Disposition: form-data; name="file"; filename="access.csv"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--testboundary--"
    )


def kiota_body(content: bytes, boundary: str) -> bytes:
    """What the SDKs send: Content-Type before Content-Disposition, a GUID for a boundary."""
    return (
        f"--{boundary}\r\n"
        "Content-Type: text/csv\r\n"
        'Content-Disposition: form-data; name="file"; filename="access.csv"\r\n\r\n'
    ).encode() + (content + f"\r\n--{boundary}--\r\n".encode())


def _accepted(session: Session, answer: RawAnswer, content: bytes) -> None:
    assert answer.status == 200, answer.body
    (file,) = answer.json()["files"]
    assert file["size"] == len(content)
    assert session.value(file["id"]).content == content


def test_the_logic_app_template_uploads_chunked(session: Session, service: str) -> None:
    content = access_file(200)
    body = template_body(content)
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]

    answer = exchange(service, [upload_head(session.path, CHUNKED), *map(chunk, pieces), chunk(b"")])

    _accepted(session, answer, content)


def test_an_ordinary_client_can_upload_chunked(session: Session) -> None:
    content = access_file_of(300_000)
    body = template_body(content)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 7919):
            yield body[start : start + 7919]

    answer = session.http.post(
        f"{session.path}/uploadFile",
        content=pieces(),
        headers={"Content-Type": "multipart/form-data; boundary=testboundary"},
    )

    assert "Content-Length" not in answer.request.headers
    assert answer.status_code == 200
    assert session.value(answer.json()["files"][0]["id"]).content == content


def test_kiotas_multipart_is_accepted(session: Session, service: str) -> None:
    content, boundary = access_file(), str(uuid4())
    body = kiota_body(content, boundary)

    answer = exchange(service, [upload_head(session.path, {"Content-Length": str(len(body))}, boundary), body])

    _accepted(session, answer, content)


def test_a_boundary_can_be_reused(session: Session) -> None:
    boundary = str(uuid4())

    for number in range(3):
        body = kiota_body(access_file(), boundary).replace(b"access.csv", b"%d.csv" % number)
        assert session.post_multipart(body, boundary).status_code == 200

    assert session.file_names() == ["0.csv", "1.csv", "2.csv"]


def test_a_boundary_can_be_quoted(session: Session) -> None:
    assert session.post_multipart(multipart(part(access_file())), '"testboundary"').status_code == 200


def test_a_body_can_arrive_byte_by_byte(session: Session, service: str) -> None:
    content = access_file(2)
    body = template_body(content)
    pieces = [bytes([byte]) for byte in body]

    answer = exchange(service, [upload_head(session.path, {"Content-Length": str(len(body))}), *pieces])

    _accepted(session, answer, content)


def test_a_body_can_arrive_in_chunks_of_one_byte(session: Session, service: str) -> None:
    content = access_file(1)
    pieces = [chunk(bytes([byte])) for byte in template_body(content)]

    answer = exchange(service, [upload_head(session.path, CHUNKED), *pieces, chunk(b"")])

    _accepted(session, answer, content)


@pytest.mark.parametrize("cut", range(-24, 0, 5))
def test_a_boundary_can_arrive_in_two_pieces(session: Session, service: str, cut: int) -> None:
    content = access_file(1)
    body = template_body(content)
    length = {"Content-Length": str(len(body))}

    answer = exchange(service, [upload_head(session.path, length), body[:cut], body[cut:]])

    _accepted(session, answer, content)


@pytest.mark.parametrize("lookalike", [b"--testboundary", b"\r\n--testboundar", b"\r\n-", b"--testboundary--"])
def test_text_similar_to_a_boundary_is_part_of_the_file(session: Session, lookalike: bytes) -> None:
    content = access_file(1).rstrip() + b'\r\n"ada@contoso.com",user,1,"x' + lookalike + b'y",,\r\n'

    answer = session.post_multipart(template_body(content))

    assert answer.status_code == 200, answer.text
    assert session.value(answer.json()["files"][0]["id"]).content == content


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n\r\n", b"\r\nThe end.\r\n"])
def test_an_epilogue_is_ignored(session: Session, end: bytes) -> None:
    content = access_file()

    answer = session.post_multipart(multipart(part(content), end=end))

    assert answer.status_code == 200, answer.text
    assert answer.json()["files"][0]["size"] == len(content)


@pytest.mark.parametrize(
    "part_type", ["application/octet-stream", "text/csv; charset=utf-8", "application/vnd.ms-excel", "text/plain"]
)
def test_the_type_of_the_part_does_not_matter(session: Session, part_type: str) -> None:
    body = template_body(access_file()).replace(b"application/octet-stream", part_type.encode())

    assert session.post_multipart(body).status_code == 200


def test_the_part_type_is_optional(session: Session) -> None:
    body = template_body(access_file()).replace(b"Content-Type: application/octet-stream\r\n", b"")

    assert session.post_multipart(body).status_code == 200


@pytest.mark.parametrize(
    "disposition",
    [
        b"form-data; filename=access.csv; name=file",
        b'form-data;name="file";filename="access.csv"',
        b'FORM-DATA; Name="file"; FileName="access.csv"',
    ],
)
def test_the_disposition_can_be_written_in_many_ways(session: Session, disposition: bytes) -> None:
    body = multipart(b"content-disposition: " + disposition + b"\r\n\r\n" + access_file())

    answer = session.post_multipart(body)

    assert answer.status_code == 200, answer.text
    assert session.file_names() == ["access.csv"]


def test_expect_100_continue_is_supported(session: Session, service: str) -> None:
    content = access_file()
    body = template_body(content)

    with connection(service) as connected:
        connected.sendall(upload_head(session.path, {"Content-Length": str(len(body)), "Expect": "100-continue"}))
        interim = b""
        while not interim.endswith(b"\r\n\r\n"):
            interim += connected.recv(1)
        assert interim.startswith(b"HTTP/1.1 100 ")
        connected.sendall(body)
        answer = read_answer(connected)

    _accepted(session, answer, content)


OFFER = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
}


def test_an_offer_of_http_2_is_ignored(session: Session, service: str) -> None:
    """Java's HttpClient and ``curl --http2`` make one with their first request (RFC 9110, section 7.8)."""
    content = access_file(200)
    body = template_body(content)

    whole = exchange(service, [upload_head(session.path, {**OFFER, "Content-Length": str(len(body))}), body])
    chunked = exchange(service, [upload_head(session.path, {**OFFER, **CHUNKED}) + chunk(body) + chunk(b"")])
    pieces = [upload_head(session.path, {**OFFER, **CHUNKED}), *(chunk(bytes([byte])) for byte in body), chunk(b"")]

    for answer in (whole, chunked, exchange(service, pieces)):
        _accepted(session, answer, content)


@pytest.mark.parametrize("offered", ["h2c", "websocket"])
def test_a_connection_goes_on_after_an_offer(session: Session, service: str, offered: str) -> None:
    offer = OFFER | {"Upgrade": offered}
    done = json.dumps({"isUploadDone": False}).encode()
    json_type = {"Content-Type": "application/json", "Content-Length": str(len(done))}

    with connection(service) as connected:
        connected.sendall(head("GET", session.path, offer))
        assert read_answer(connected).json()["id"] == session.id
        connected.sendall(head("PATCH", session.path, offer | json_type) + done + head("GET", session.path, {}))
        assert read_answer(connected).status == 400
        assert read_answer(connected).json()["id"] == session.id


def test_an_upload_that_is_refused_early_gets_its_response(session: Session, service: str, storage: Storage) -> None:
    session.uploaded("access.csv")
    session.completed()
    body = template_body(access_file_of(20_000_000))

    with storage.unchanged(session.resource):
        answer = exchange(service, [upload_head(session.path, {"Content-Length": str(len(body))}), body])

    assert answer.status == 409


@pytest.mark.parametrize(
    "query",
    [
        "$filter=status%20eq%20%27active%27",
        "%24filter=status%20eq%20%27active%27",
        "$filter=status+eq+'active'",
        "$filter=status%20eq%20'active'",
        "%24filter=status%20eq%20%27active%27&%24top=1",
    ],
)
def test_options_can_be_percent_encoded(session: Session, service: str, query: str) -> None:
    done = session.resource.new_session()
    done.complete({"Prefer": "allow-incomplete"})

    answer = exchange(service, [head("GET", f"{session.resource.path}?{query}", {})])

    assert [found["id"] for found in answer.json()["value"]] == [session.id]


@pytest.fixture
def file(session: Session) -> Json:
    """The entry of a file in the session."""
    return session.uploaded("access.csv")


@pytest.mark.parametrize("dollar", ["$", "%24"])
def test_paths_can_be_percent_encoded(session: Session, file: Json, service: str, dollar: str) -> None:
    def get(path: str) -> RawAnswer:
        return exchange(service, [head("GET", path, {})])

    assert get(f"{session.path}/files/{file['id']}/{dollar}value").body == session.value(file["id"]).content
    assert get(f"{session.path}/files/{dollar}count").body == b"1"
    assert get(f"{session.resource.path}/{dollar}count").body == b"1"


@pytest.mark.parametrize("paths", ALL_PATHS, ids=[paths.name for paths in ALL_PATHS])
def test_the_action_has_a_qualified_name(session: Session, paths: Paths) -> None:
    there = session.through(paths)

    answer = there.http.post(
        f"{there.path}/microsoft.graph.uploadFile", files={"file": ("access.csv", access_file(), "text/csv")}
    )

    assert answer.status_code == 200
    assert session.read()["stats"]["filesUploaded"] == 1


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "*/*",
        "application/json;odata.metadata=minimal",
        "text/plain;q=0.9",
        "application/octet-stream, application/json",
    ],
)
def test_responses_do_not_depend_on_the_accept_header(session: Session, file: Json, accept: str) -> None:
    headers = {"Accept": accept}

    assert session.get(headers=headers).json()["id"] == session.id
    assert session.http.get(f"{session.path}/files/$count", headers=headers).text == "1"
    value = session.http.get(f"{session.path}/files/{file['id']}/$value", headers=headers)
    assert len(value.content) == file["size"]


def test_json_can_be_chunked(session: Session) -> None:
    def pieces() -> Iterator[bytes]:
        for byte in json.dumps(create_body()).encode():
            yield bytes([byte])

    answer = session.http.post(session.resource.path, content=pieces(), headers={"Content-Type": "application/json"})

    assert answer.status_code == 201


def test_a_response_is_not_delayed_by_nagles_algorithm(session: Session) -> None:
    def seconds() -> float:
        return session.http.get("/v1.0/nothing/here").elapsed.total_seconds()

    # Nagle's algorithm against delayed acknowledgements costs 40 ms an answer, always; a busy machine only sometimes.
    assert min(seconds() for _ in range(20)) < 0.02
