"""Uploads with ``Content-Encoding: gzip``: the whole form is encoded, and everything applies to the decoded file."""

import gzip
import hashlib
from collections.abc import Iterator

import httpx
import pytest

from tests.support.access_files import access_file, access_file_of, faulty_access_file
from tests.support.client import ALL_PATHS, Paths, Session, assert_error, http_client, multipart, part
from tests.support.client import Resource as ClientResource
from tests.support.invariants import Storage
from tests.support.service import running_service

FORM = "multipart/form-data; boundary=testboundary"


def post(
    session: Session, encoded: bytes | Iterator[bytes], action: str = "uploadFile", coding: str = "gzip"
) -> httpx.Response:
    headers = {"Content-Type": FORM, "Content-Encoding": coding}
    return session.http.post(f"{session.path}/{action}", content=encoded, headers=headers)


def form(content: bytes, name: bytes = b"access.csv") -> bytes:
    return multipart(part(content, filename=name))


@pytest.mark.parametrize("paths", ALL_PATHS, ids=[paths.name for paths in ALL_PATHS])
def test_the_decoded_file_is_stored(session: Session, storage: Storage, paths: Paths) -> None:
    content = access_file(2500)

    answer = post(session.through(paths), gzip.compress(form(content)))

    assert answer.status_code == 200, answer.text
    (file,) = answer.json()["files"]
    assert file["size"] == len(content)
    assert session.value(file["id"]).content == content
    assert session.read()["stats"] == {"filesUploaded": 1, "totalBytesUploaded": len(content)}
    assert storage.violations(session.resource) == []


def test_a_file_counts_once_with_and_without_coding(session: Session) -> None:
    content = access_file()

    assert session.upload("access.csv", content).status_code == 200
    assert post(session, gzip.compress(form(content))).status_code == 200
    assert session.read()["stats"]["filesUploaded"] == 1


def test_validate_file_reports_the_decoded_file(session: Session, storage: Storage) -> None:
    content = access_file(10)

    with storage.unchanged(session.resource):
        answer = post(session, gzip.compress(form(content)), "validateFile")

    checked = answer.json()
    assert (checked["size"], checked["rowCount"]) == (len(content), 10)
    assert checked["sha256"] == hashlib.sha256(content).hexdigest()


def test_an_invalid_file_is_refused_with_its_lines(session: Session) -> None:
    answer = post(session, gzip.compress(form(faulty_access_file(4))))

    error = assert_error(answer, 400, "invalidRequest", "invalidFile")
    assert "line 4" in error["details"][0]["target"]


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
def test_a_body_can_have_several_members_and_arrive_in_pieces(session: Session, pieces: int) -> None:
    body = form(access_file(500))
    cut = len(body) // 3
    encoded = gzip.compress(body[:cut]) + gzip.compress(b"") + gzip.compress(body[cut:], mtime=1)
    step = len(encoded) // pieces + 1

    answer = post(session, (encoded[at : at + step] for at in range(0, len(encoded), step)), coding="X-GZip")

    assert answer.status_code == 200, answer.text


GOOD = gzip.compress(form(access_file()))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "incomplete"),
        (form(access_file()), "malformed"),
        (GOOD[:-1], "incomplete"),
        (GOOD[: len(GOOD) // 2], "incomplete"),
        (GOOD + GOOD[:10], "incomplete"),
        (GOOD + b"garbage", "malformed"),
        (GOOD + b"\0" * 512, "malformed"),
        (GOOD[:-8] + bytes(8), "malformed"),
        (GOOD[:20] + b"\xff\xff\xff\xff" + GOOD[24:], "malformed"),
        (gzip.compress(b"x") * 3, "is not a form: it begins with 'xxx'"),
        (gzip.compress(GOOD), "compressed with gzip once more"),
        (gzip.compress(b"\r\n" * 1_000_000 + form(access_file())), "UPLOADS_MAX_FORM_BYTES"),
    ],
    ids=[
        *(
            "empty",
            "not encoded",
            "last byte missing",
            "half",
            "second member cut off",
            "other bytes behind it",
            "padded",
        ),
        *("wrong checksum", "damaged", "no form", "encoded twice", "a large preamble"),
    ],
)
def test_a_malformed_body_is_refused_and_changes_nothing(
    session: Session, storage: Storage, body: bytes, message: str
) -> None:
    with storage.unchanged(session.resource):
        answer = post(session, body)

    assert answer.status_code in (400, 413), answer.text
    assert message in answer.json()["error"]["message"]
    assert session.upload("access.csv").status_code == 200, "the connection can be used"
    assert session.complete().status_code == 200, "no refusal is remembered"


def test_a_body_that_expands_beyond_reason_is_refused(session: Session, storage: Storage) -> None:
    bomb = gzip.compress(form(access_file() + b"\n" * 100_000_000))
    assert len(bomb) < 200_000

    with storage.unchanged(session.resource):
        answer = post(session, bomb)

    error = assert_error(answer, 400, "invalidRequest")
    assert "200 times" in error["message"]
    assert answer.elapsed.total_seconds() < 10
    assert storage.orphans(session.resource) == []


@pytest.mark.parametrize("data", [b"", b"x"], ids=["empty", "of one byte"])
def test_a_body_of_very_many_small_members_is_refused(session: Session, data: bytes) -> None:
    """They cost the time of a body that is sixty times as large."""
    encoded = gzip.compress(form(access_file())) + gzip.compress(data) * 2000

    answer = post(session, encoded)

    error = assert_error(answer, 400, "invalidRequest")
    assert "small members" in error["message"]


def test_very_repetitive_files_are_accepted(session: Session) -> None:
    rows = access_file(1).splitlines(keepends=True)
    content = rows[0] + b"".join(rows[1].replace(b"door-0", b"door-%d" % number) for number in range(30_000))
    encoded = gzip.compress(form(content))
    assert len(content) > 15 * len(encoded)

    answer = post(session, encoded)

    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def small(storage: Storage) -> Iterator[httpx.Client]:
    """A service that accepts files of 100 kB."""
    with running_service(storage.connection_string, max_file_bytes=100_000) as url, http_client(url) as http:
        yield http


def test_the_limit_is_for_the_decoded_file(small: httpx.Client) -> None:
    session = ClientResource(small).new_session()

    assert post(session, gzip.compress(form(access_file_of(100_000)))).status_code == 200
    error = assert_error(
        post(session, gzip.compress(form(access_file_of(100_001), b"b.csv"))),
        413,
        "invalidRequest",
        "maxFileSizeExceeded",
    )
    assert "UPLOADS_MAX_FILE_BYTES" in error["message"]
