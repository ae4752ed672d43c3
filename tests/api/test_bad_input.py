"""Invalid requests: each gets an error with the right status in Graph's format, and changes nothing."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.support.access_files import access_file, access_file_of
from tests.support.client import (
    Session,
    as_object,
    assert_error,
    create_body,
    multipart,
    part,
)
from tests.support.invariants import Storage
from tests.support.wire import chunk, connection, read_answer, upload_head


@pytest.fixture
def ready(session: Session) -> Session:
    """An active session with one file, which could be completed."""
    session.uploaded("access.csv")
    return session


@contextmanager
def harmless(session: Session, storage: Storage) -> Iterator[None]:
    """See that nothing changes meanwhile, and that the session can be completed afterwards: no refusal is open."""
    with storage.unchanged(session.resource):
        yield
    assert session.completed()["stats"]["filesUploaded"] == 1


# Bodies that should be JSON


MALFORMED = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="cut-off"),
    pytest.param(b'{"isUploadDone": true', id="cut-off-late"),
    pytest.param(b"{'isUploadDone': true}", id="single-quotes"),
    pytest.param(b'{"isUploadDone": true} {}', id="two-bodies"),
    pytest.param(b'{"isUploadDone": NaN}', id="not-a-number"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="list"),
    pytest.param(b'[{"isUploadDone": true}]', id="list-of-one"),
    pytest.param(b'"isUploadDone"', id="text"),
    pytest.param(b"true", id="true"),
    pytest.param(b'{"isUploadDone": "\xff\xfe"}', id="not-utf-8"),
    pytest.param(b"[" * 60_000, id="nested-very-deeply"),
    pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="objects-nested-very-deeply"),
    pytest.param(b'{"isUploadDone": ' + b"9" * 10_000 + b"}", id="very-long-number"),
]


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_json_is_refused(ready: Session, storage: Storage, body: bytes) -> None:
    json_type = {"Content-Type": "application/json"}
    with harmless(ready, storage):
        assert_error(ready.http.patch(ready.path, content=body, headers=json_type), 400, "invalidRequest")
        assert_error(ready.http.post(ready.resource.path, content=body, headers=json_type), 400, "invalidRequest")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", None]
)
def test_json_under_another_content_type_is_refused(ready: Session, storage: Storage, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else None
    update, create = json.dumps({"isUploadDone": True}), json.dumps(create_body())

    with harmless(ready, storage):
        assert_error(ready.http.patch(ready.path, content=update, headers=headers), 415, "notSupported")
        assert_error(ready.http.post(ready.resource.path, content=create, headers=headers), 415, "notSupported")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;odata.metadata=minimal;IEEE754Compatible=false",
        "application/merge-patch+json",
    ],
)
def test_json_with_content_type_parameters_is_accepted(ready: Session, content_type: str) -> None:
    update = json.dumps({"isUploadDone": True})

    assert ready.http.patch(ready.path, content=update, headers={"Content-Type": content_type}).status_code == 200


def test_a_merge_patch_is_no_way_to_create(ready: Session, storage: Storage) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}

    with harmless(ready, storage):
        answer = ready.http.post(ready.resource.path, content=json.dumps(create_body()), headers=headers)
        assert_error(answer, 415, "notSupported")


def test_a_byte_order_mark_is_ignored(ready: Session) -> None:
    body = b'\xef\xbb\xbf{"isUploadDone": true}'

    answer = ready.http.patch(ready.path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "It is empty", id="empty"),
        pytest.param('{"isUploadDone": true}'.encode("utf-16"), "It is UTF-16", id="utf-16-with-a-mark"),
        pytest.param('{"isUploadDone": true}'.encode("utf-16-be"), "It is UTF-16", id="utf-16"),
        pytest.param('{"source": "Türen"}'.encode("latin-1"), "charset=utf-8", id="latin-1"),
        pytest.param(b"isUploadDone=True", "ConvertTo-Json", id="form-encoded"),
        pytest.param(b"System.Collections.Hashtable", "ConvertTo-Json", id="hashtable-as-text"),
        pytest.param(b"'{isUploadDone: true}'", "begins with a single quote", id="quotes-of-cmd"),
        pytest.param(b"{isUploadDone: true}", "Names must be in double quotes", id="quotes-lost"),
        pytest.param(b"{'isUploadDone': true}", "Names must be in double quotes", id="single-quotes"),
        pytest.param(b'{"isUploadDone": True}', "true, false and null in lower case", id="python"),
        pytest.param(b'{"isUploadDone": $true}', "true, false and null in lower case", id="powershell"),
        pytest.param(b'{"isUploadDone": true', "EOF while parsing", id="cut-off"),
    ],
)
def test_a_body_that_is_not_json_says_what_it_is(ready: Session, storage: Storage, body: bytes, reason: str) -> None:
    with harmless(ready, storage):
        answer = ready.http.patch(ready.path, content=body, headers={"Content-Type": "application/json"})

    assert_error(answer, 400, "invalidRequest", target="body")
    assert reason in as_object(answer)["error"]["message"]


def test_a_json_body_that_is_too_large_is_refused(ready: Session, storage: Storage) -> None:
    body = create_body() | {"colour": "x" * 10_000_000}

    with harmless(ready, storage):
        assert ready.resource.create(body).status_code in (400, 413)


@pytest.mark.parametrize("name", ["colour", "isuploaddone", "data ", "__proto__", "", "a" * 10_000, "ü✓\u0000"])
def test_unknown_properties_are_refused(ready: Session, storage: Storage, name: str) -> None:
    with harmless(ready, storage):
        assert_error(ready.resource.create(create_body() | {name: 1}), 400, "invalidRequest")
        assert_error(ready.patch({"isUploadDone": True, name: 1}), 400, "invalidRequest")


# Multipart bodies


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/csv",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=testboundary",
        None,
    ],
)
def test_an_upload_under_another_content_type_is_refused(
    ready: Session, storage: Storage, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else None

    with harmless(ready, storage):
        answer = ready.http.post(f"{ready.path}/uploadFile", content=multipart(part(access_file())), headers=headers)

    assert_error(answer, 415, "notSupported")


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 1000,
    ],
)
def test_multipart_without_a_usable_boundary_is_refused(ready: Session, storage: Storage, content_type: str) -> None:
    with harmless(ready, storage):
        answer = ready.http.post(
            f"{ready.path}/uploadFile",
            content=multipart(part(access_file())),
            headers={"Content-Type": content_type},
        )

    assert_error(answer, 415, "notSupported")


GOOD = access_file()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(multipart(), id="no-part"),
        pytest.param(multipart(part(GOOD, name="document")), id="part-of-another-name"),
        pytest.param(multipart(part(GOOD, name=None)), id="part-without-name"),
        pytest.param(multipart(part(GOOD, name="")), id="part-with-empty-name"),
        pytest.param(multipart(part(GOOD, name="File")), id="part-name-in-another-case"),
        pytest.param(multipart(part(GOOD), part(access_file())), id="file-twice"),
        pytest.param(multipart(part(GOOD), part(GOOD, filename=b"b.csv")), id="two-files"),
        pytest.param(multipart(part(GOOD), part(b"note", name="comment", filename=None)), id="file-and-a-field"),
        pytest.param(multipart(part(b"note", name="comment", filename=None), part(GOOD)), id="a-field-and-file"),
        pytest.param(multipart(part(GOOD, filename=None)), id="no-filename"),
        pytest.param(multipart(GOOD), id="part-without-headers"),
        pytest.param(multipart(b"Content-Type: text/csv\r\n\r\n" + GOOD), id="part-without-disposition"),
        pytest.param(multipart(b"Content-Disposition\r\n\r\n" + GOOD), id="header-without-colon"),
        pytest.param(multipart(b"X: " + b"y" * 100_000 + b"\r\n" + part(GOOD)), id="very-long-part-header"),
        pytest.param(multipart(b"X: y\r\n" * 10_000 + part(GOOD)), id="very-many-part-headers"),
        pytest.param(b"X" * 100_000 + multipart(part(GOOD)), id="no-line-break-before-the-boundary"),
        pytest.param(multipart(part(GOOD), boundary="another"), id="another-boundary"),
        pytest.param(multipart(part(GOOD))[: -len(b"--testboundary--\r\n")], id="no-closing-boundary"),
        pytest.param(multipart(part(GOOD))[:-4], id="closing-boundary-cut-off"),
        pytest.param(multipart(part(GOOD))[: len(GOOD) // 2], id="file-cut-off"),
        pytest.param(multipart(part(GOOD))[:30], id="part-headers-cut-off"),
        pytest.param(b"--testboundary", id="nothing-but-a-boundary"),
        pytest.param(GOOD, id="the-bare-file"),
        pytest.param(b"{}", id="json"),
    ],
)
def test_a_malformed_multipart_body_is_refused_and_not_remembered(
    ready: Session, storage: Storage, body: bytes
) -> None:
    with harmless(ready, storage):
        assert_error(ready.post_multipart(body), 400, "invalidRequest")


@pytest.mark.parametrize(
    "filename",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" ", id="blank"),
        pytest.param(b".", id="dot"),
        pytest.param(b"..", id="dots"),
        pytest.param(b". .", id="dots-and-blanks"),
        pytest.param(b"../../etc/passwd", id="path"),
        pytest.param(b"/etc/passwd", id="absolute-path"),
        pytest.param(b"a/b.csv", id="slash"),
        pytest.param(b"C:\\\\Temp\\\\access.csv", id="windows-path"),
        pytest.param(b"a\x00.csv", id="null"),
        pytest.param(b"a\x07.csv", id="bell"),
        pytest.param(b"a\x1b[31m.csv", id="escape"),
        pytest.param(b"a\x7f.csv", id="delete"),
        pytest.param("a\u0085.csv".encode(), id="next-line-of-c1"),
        pytest.param(b"a\xff\xfe.csv", id="not-utf-8"),
        pytest.param(b"n" * 256, id="256-characters"),
        pytest.param(b"n" * 10_240, id="10-kB"),
    ],
)
def test_an_absurd_filename_is_refused_and_not_remembered(ready: Session, storage: Storage, filename: bytes) -> None:
    with harmless(ready, storage):
        assert_error(ready.post_multipart(multipart(part(access_file(), filename=filename))), 400, "invalidRequest")


# Ids and options


ABSURD_IDS = [
    "1",
    "not-a-guid",
    "0" * 32,
    "%7B" + str(uuid4()) + "%7D",
    f"{uuid4()}%20",
    f"%20{uuid4()}",
    f"{uuid4()}%0A",
    f"{uuid4()}0",
    str(uuid4())[:-1] + "g",
    str(uuid4())[:-1] + "%D9%A1",
    "a%23b",
    "a%3Fb",
    "a%5Cb",
    "a%09b",
    "a%01b",
    "a%7Fb",
    "%FF%FE",
    "a'b",
    "a%27%20or%20PartitionKey%20ge%20%27",
    "'" + str(uuid4()) + "'",
    "x" * 2000,
]


@pytest.mark.parametrize("absurd", ABSURD_IDS)
def test_ids_that_are_not_guids_are_refused(ready: Session, storage: Storage, absurd: str) -> None:
    http, resource = ready.http, ready.resource
    file = as_object(ready.files())["value"][0]["id"]
    malformed = (400, "invalidRequest", "invalidParameterFormat")

    with harmless(ready, storage):
        for path in (
            resource.path.replace(resource.catalog_id, absurd),
            resource.path.replace(resource.resource_id, absurd),
        ):
            assert_error(http.get(path), *malformed)
            assert_error(http.post(path, json=create_body()), *malformed)
            assert_error(http.get(f"{path}/$count"), *malformed)
            assert_error(http.delete(f"{path}/{ready.id}"), *malformed)
        path = f"{resource.path}/{absurd}"
        assert_error(http.get(path), *malformed)
        assert_error(http.patch(path, json={"isUploadDone": True}), *malformed)
        assert_error(http.delete(path), *malformed)
        assert_error(http.post(f"{path}/uploadFile", files={"file": ("a.csv", access_file())}), *malformed)
        assert_error(http.get(f"{path}/files"), *malformed)
        assert_error(http.get(f"{path}/files/$count"), *malformed)
        assert_error(http.get(f"{path}/files/{file}"), *malformed)
        assert_error(http.get(f"{ready.path}/files/{absurd}"), *malformed)
        assert_error(http.get(f"{ready.path}/files/{absurd}/$value"), *malformed)


def test_a_slash_in_an_id_gives_no_access_to_another_session(ready: Session, storage: Storage) -> None:
    with harmless(ready, storage):
        for path in (
            f"{ready.resource.path}/x%2F{ready.id}",
            f"{ready.resource.path}/..%2FuploadSessions%2F{ready.id}",
            f"{ready.resource.path}//{ready.id}",
        ):
            for answer in (
                ready.http.get(path),
                ready.http.delete(path),
                ready.http.patch(path, json={"isUploadDone": True}),
            ):
                assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize(
    "option", ["$colour=blue", "$top=1", "$filter=id%20eq%20'x'", "%24expand=files", "$=", "$select=id"]
)
def test_changes_support_no_query_options(ready: Session, storage: Storage, option: str) -> None:
    invalid = (400, "invalidRequest", "invalidQueryOption")
    body = multipart(part(access_file()))
    multipart_type = {"Content-Type": "multipart/form-data; boundary=testboundary"}

    with harmless(ready, storage):
        assert_error(ready.http.post(f"{ready.resource.path}?{option}", json=create_body()), *invalid)
        assert_error(ready.http.patch(f"{ready.path}?{option}", json={"isUploadDone": True}), *invalid)
        assert_error(ready.http.delete(f"{ready.path}?{option}"), *invalid)
        assert_error(
            ready.http.post(f"{ready.path}/uploadFile?{option}", content=body, headers=multipart_type), *invalid
        )


@pytest.mark.parametrize(
    "query",
    [
        "$top=-1",
        "$top=99999999999999999999",
        "$top=%D9%A1",
        "$top=1_0",
        "$top=+1",
        "$top=%201",
        "$filter=status eq 'active",
        "$filter=status eq %00",
        "$filter=status eq '%FF'",
        "$expand=" + "files($filter=" * 200,
        "$orderby=createdDateTime desc desc",
        "$skiptoken=" + "A" * 5000,
        "$skiptoken=..%2F..%2F",
        "$skip=-1",
    ],
)
def test_absurd_query_options_are_refused(ready: Session, storage: Storage, query: str) -> None:
    with harmless(ready, storage):
        answer = ready.http.get(f"{ready.resource.path}?{query}")

    assert_error(answer, 400, "invalidRequest", "invalidQueryOption")


@pytest.mark.parametrize(
    "filter_",
    ["(" * 3500 + "status eq 'active'" + ")" * 3500, " or ".join(["status eq 'active'"] * 230)],
    ids=["deep", "long"],
)
def test_a_huge_filter_is_applied_or_refused(ready: Session, storage: Storage, filter_: str) -> None:
    with harmless(ready, storage):
        answer = ready.http.get(f"{ready.resource.path}?$filter={filter_}")

    if answer.status_code != 200:
        assert_error(answer, 400, "invalidRequest", "invalidQueryOption")


# Bodies that end too early


@pytest.mark.parametrize("length", [["Content-Length"], ["Transfer-Encoding"]], ids=["of-known-length", "chunked"])
def test_a_connection_that_is_closed_in_the_middle_changes_nothing(
    ready: Session, storage: Storage, service: str, length: list[str]
) -> None:
    body = multipart(part(access_file_of(200_000), filename=b"doors.csv"))
    chunked = length == ["Transfer-Encoding"]
    half = body[: len(body) // 2]

    with harmless(ready, storage):
        for abrupt in (False, True):
            with connection(service) as connected:
                head = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
                connected.sendall(upload_head(ready.path, head))
                connected.sendall(chunk(half) if chunked else half)
                if abrupt:
                    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        assert ready.read()["stats"]["filesUploaded"] == 1, "the service goes on"


def test_an_interrupted_file_can_be_sent_again(session: Session, service: str, storage: Storage) -> None:
    content = access_file_of(200_000)
    body = multipart(part(content, filename=b"doors.csv"))
    with connection(service) as connected:
        connected.sendall(upload_head(session.path, {"Content-Length": str(len(body))}) + body[:100_000])

    file = session.uploaded("doors.csv", content)

    assert session.value(file["id"]).content == content
    assert session.completed()["stats"]["filesUploaded"] == 1
    assert storage.violations(session.resource) == []


def test_an_interrupted_json_body_creates_nothing(ready: Session, storage: Storage, service: str) -> None:
    body = json.dumps(create_body()).encode()

    with harmless(ready, storage), connection(service) as connected:
        head = f"POST {ready.resource.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connected.sendall(f"{head}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
        connected.shutdown(socket.SHUT_WR)
        while connected.recv(65536):
            pass


# An upload for a session that is over before the upload is


@pytest.mark.parametrize("size", [2_000, 9_000_000], ids=["of-one-block", "of-many-blocks"])
def test_an_upload_for_a_session_that_completes_meanwhile_is_refused(
    ready: Session, storage: Storage, service: str, size: int
) -> None:
    body = multipart(part(access_file_of(size), filename=b"late.csv"))
    with connection(service) as connected:
        connected.sendall(upload_head(ready.path, {"Content-Length": str(len(body))}) + body[: -size // 4])
        ready.completed()
        with storage.unchanged(ready.resource):
            connected.sendall(body[-size // 4 :])
            answer = read_answer(connected)

    assert answer.status == 409
    assert answer.json()["error"]["code"] == "notAllowed"
    assert answer.json()["error"]["innerError"]["code"] == "uploadSessionFailed"
    assert storage.orphans(ready.resource) == []
    assert ready.read()["stats"]["filesUploaded"] == 1


@pytest.mark.parametrize("size", [2_000, 9_000_000], ids=["of-one-block", "of-many-blocks"])
def test_an_upload_for_a_session_that_is_deleted_meanwhile_is_refused(
    ready: Session, storage: Storage, service: str, size: int
) -> None:
    body = multipart(part(access_file_of(size), filename=b"late.csv"))
    with connection(service) as connected:
        connected.sendall(upload_head(ready.path, {"Content-Length": str(len(body))}) + body[: -size // 4])
        assert ready.delete().status_code == 204
        connected.sendall(body[-size // 4 :])
        answer = read_answer(connected)

    assert answer.status == 404
    assert answer.json()["error"]["innerError"]["code"] == "uploadSessionNotFound"
    assert storage.violations(ready.resource) == []
