"""POST uploadFile: a CSV file is accepted and counted, or refused and remembered as refused."""

import asyncio
import base64
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from tests.support.access_files import (
    EARLY_COLUMNS,
    GRAPH_COLUMNS,
    access_file,
    access_file_of,
    csv_text,
    faulty_access_file,
    layouts,
)
from tests.support.client import (
    SESSION_TYPE,
    Resource,
    Session,
    as_object,
    assert_error,
    async_http_client,
    http_client,
    instant,
    multipart,
    part,
)
from tests.support.invariants import Storage
from tests.support.service import running_service

MAX_FILES = 3
MAX_FILE_BYTES = 512 * 1024
MAX_FINDINGS = 5
BLOCK_BYTES = 64 * 1024


@pytest.fixture(scope="module")
def strict_http(storage: Storage) -> Iterator[httpx.Client]:
    """A client of a service whose limits are low enough to reach, and whose blocks are small."""
    limits = {
        "max_files": MAX_FILES,
        "max_file_bytes": MAX_FILE_BYTES,
        "max_findings": MAX_FINDINGS,
        "block_bytes": BLOCK_BYTES,
    }
    with pytest.MonkeyPatch.context() as patch:
        # The host would refuse what is larger before the app sees it.
        patch.setenv("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", str(10 * MAX_FILE_BYTES))
        with running_service(storage.connection_string, **limits) as url, http_client(url) as client:
            yield client


@pytest.fixture
def strict(strict_http: httpx.Client) -> Session:
    """An active session without files, in the service with low limits."""
    return Resource(strict_http).new_session()


def test_an_accepted_file_counts(session: Session) -> None:
    content = access_file()

    answer = session.upload("access.csv", content)

    assert answer.status_code == 200
    updated = as_object(answer)
    assert updated["id"] == session.id
    assert updated["status"] == "active"
    assert updated["isUploadDone"] is False
    assert updated["stats"] == {"filesUploaded": 1, "totalBytesUploaded": len(content)}
    (file,) = updated["files"]
    assert {name for name in file if not name.startswith("@")} == {"id", "name", "size", "uploadedDateTime"}
    assert (file["name"], file["size"]) == ("access.csv", len(content))
    assert instant(file["uploadedDateTime"]) >= instant(updated["createdDateTime"])


def test_the_answer_carries_the_sessions_type_as_context(session: Session) -> None:
    answer = session.upload("access.csv")

    service = str(session.http.base_url).rstrip("/")
    assert answer.json()["@odata.context"] == f"{service}/v1.0/$metadata{SESSION_TYPE}"
    assert answer.json()["@odata.type"] == SESSION_TYPE
    assert answer.json()["@odata.etag"] == answer.headers["ETag"] == session.get().headers["ETag"]


def test_several_files_add_up(session: Session) -> None:
    contents = {"a.csv": access_file(1), "b.csv": access_file(2), "c.csv": access_file(3)}
    for name, content in contents.items():
        answer = session.upload(name, content)

    assert [file["name"] for file in answer.json()["files"]] == list(contents)
    total = sum(len(content) for content in contents.values())
    assert answer.json()["stats"] == {"filesUploaded": 3, "totalBytesUploaded": total}


@pytest.mark.parametrize(("content"), [pytest.param(content, id=name) for name, content in layouts()])
def test_every_layout_is_accepted_and_kept_as_it_came(session: Session, content: bytes) -> None:
    file = session.uploaded("access.csv", content)

    assert session.value(file["id"]).content == content


def test_a_file_of_many_blocks_is_kept_as_it_came(strict: Session, storage: Storage) -> None:
    content = access_file_of(6 * BLOCK_BYTES)

    file = strict.uploaded("access.csv", content)

    assert strict.value(file["id"]).content == content
    assert storage.violations(strict.resource) == []


def test_an_upload_postpones_expiration(session: Session) -> None:
    before = session.read()

    file = session.uploaded("access.csv")

    after = session.read()
    assert instant(after["expirationDateTime"]) > instant(before["expirationDateTime"])
    late = instant(after["expirationDateTime"]) - instant(file["uploadedDateTime"]) - timedelta(hours=2)
    assert abs(late) < timedelta(seconds=1)


def test_a_refused_upload_also_postpones_expiration(session: Session) -> None:
    before = session.read()

    assert session.upload("access.csv", faulty_access_file(3)).status_code == 400

    assert instant(session.read()["expirationDateTime"]) > instant(before["expirationDateTime"])


@pytest.mark.parametrize(
    "name", ["access.csv", "Zutritt Gebäude.csv", "出入.csv", "access", "a;b='c' & d.csv", "n" * 255]
)
def test_a_file_keeps_its_name(session: Session, name: str) -> None:
    assert session.uploaded(name)["name"] == name
    assert session.file_names() == [name]


# Invalid files


def test_a_finding_has_its_line_and_its_column(session: Session) -> None:
    answer = session.upload("access.csv", faulty_access_file(7))

    error = assert_error(answer, 400, "invalidRequest", "invalidFile")
    (detail,) = error["details"]
    assert detail["target"] == "line 7, permissionId"
    assert detail["code"] == "missingValue"
    assert detail["message"]
    assert error["innerError"]["findingCount"] == 1
    assert error["message"] == (
        "'access.csv' was refused: 1 finding. Nothing of it was stored. Fix it and upload it again under the same name."
    )


def test_all_findings_are_listed_at_once(session: Session) -> None:
    error = assert_error(
        session.upload("access.csv", faulty_access_file(2, 5, 8)), 400, "invalidRequest", "invalidFile"
    )

    places = [detail["target"] for detail in error["details"]]
    assert places == ["line 2, permissionId", "line 5, permissionId", "line 8, permissionId"]
    assert error["innerError"]["findingCount"] == 3
    assert "was refused: 3 findings. " in error["message"]


def test_findings_beyond_the_limit_are_counted(strict: Session) -> None:
    lines = range(2, 2 + 4 * MAX_FINDINGS)

    error = assert_error(strict.upload("access.csv", faulty_access_file(*lines)), 400, "invalidRequest", "invalidFile")

    assert len(error["details"]) == MAX_FINDINGS
    assert error["innerError"]["findingCount"] == 4 * MAX_FINDINGS


def test_lines_are_counted_as_an_editor_counts_them(session: Session) -> None:
    rows = [
        ("ada@contoso.com", "user", "door-1", "A name\nof three\nlines", "", ""),
        ("bob@contoso.com", "user", "", "Door", "", ""),
    ]

    error = assert_error(session.upload("a.csv", csv_text(GRAPH_COLUMNS, rows, "\n").encode()), 400, "invalidRequest")

    assert [detail["target"] for detail in error["details"]] == ["line 5, permissionId"]


def _graph(*values: str) -> bytes:
    return csv_text(GRAPH_COLUMNS, [values]).encode()


@pytest.mark.parametrize(
    ("content", "target"),
    [
        pytest.param(b"", "line 1", id="empty"),
        pytest.param(b"\xff\xfe" + "principalId".encode("utf-16-le"), "line 1", id="utf-16"),
        pytest.param(b"%PDF-1.7 not a table at all\n\x00\x01", "line 1", id="not-a-csv"),
        pytest.param(b"principalId,principalType\r\nada@contoso.com,user\r\n", "line 1", id="columns-missing"),
        pytest.param(
            csv_text((*GRAPH_COLUMNS, "colour"), [("a@b.com", "user", "1", "D", "", "", "blue")]).encode(),
            "line 1, colour",
            id="unknown-column",
        ),
        pytest.param(
            csv_text((*GRAPH_COLUMNS, "principalId"), [("a@b.com", "user", "1", "D", "", "", "x")]).encode(),
            "line 1, principalId",
            id="column-twice",
        ),
        pytest.param(_graph("", "user", "1", "Door", "", ""), "line 2, principalId", id="no-principal"),
        pytest.param(_graph("ada", "user", "1", "Door", "", ""), "line 2, principalId", id="principal-of-neither-kind"),
        pytest.param(_graph("a@b.com", "", "1", "Door", "", ""), "line 2, principalType", id="no-principal-type"),
        pytest.param(_graph("a@b.com", "robot", "1", "Door", "", ""), "line 2, principalType", id="unknown-type"),
        pytest.param(_graph("a@b.com", "user", "", "Door", "", ""), "line 2, permissionId", id="no-permission"),
        pytest.param(_graph("a@b.com", "user", "1", "", "", ""), "line 2, permissionName", id="no-permission-name"),
        pytest.param(_graph("a@b.com", "user", "1", "Door"), "line 2", id="too-few-cells"),
        pytest.param(_graph("a@b.com", "user", "1", "Door", "", "", ""), "line 2", id="too-many-cells"),
        pytest.param(",".join(GRAPH_COLUMNS).encode() + b"\n\xff\xfe,user,1,Door,,\n", "line 2", id="not-utf-8"),
        pytest.param(",".join(GRAPH_COLUMNS).encode() + b'\n"a@b.com,user,1,Door,,\n', "line 2", id="open-quote"),
    ],
)
def test_an_invalid_file_is_refused_with_the_place(session: Session, content: bytes, target: str) -> None:
    error = assert_error(session.upload("access.csv", content), 400, "invalidRequest", "invalidFile")

    assert any(detail["target"].startswith(target) for detail in error["details"]), error["details"]
    assert error["innerError"]["findingCount"] >= len(error["details"]) >= 1


def test_unquoted_owners_as_in_microsofts_example_are_accepted_with_a_warning(session: Session) -> None:
    content = ",".join(EARLY_COLUMNS) + f'\n{uuid4()},hq,,,,1,Door,,,["ada@contoso.com","bob@contoso.com"]\n'

    answer = session.upload("access.csv", content.encode()).json()

    (warning,) = answer["@uploads.warnings"]
    assert (warning["code"], warning["target"]) == ("unquotedOwners", "line 2, ResourceOwners")


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(b"\r\n,user,1,Door,,\r\n", id="in-a-row"),
        pytest.param(b'\r\n"ada@contoso.com,user,1,Door,,', id="at-the-very-end"),
    ],
)
@pytest.mark.parametrize("blocks", [0, 4])
def test_a_refused_file_leaves_nothing_behind_but_its_refusal(
    strict: Session, storage: Storage, blocks: int, end: bytes
) -> None:
    kept = strict.uploaded("good.csv")
    stats = strict.read()["stats"]
    content = access_file_of(1000 + blocks * BLOCK_BYTES).rstrip() + end

    assert_error(strict.upload("bad.csv", content), 400, "invalidRequest", "invalidFile")

    assert strict.read({"$expand": "files"})["files"] == [kept]
    assert strict.read()["stats"] == stats
    assert storage.refused_names(strict) == ["bad.csv"]
    assert storage.orphans(strict.resource) == []
    assert storage.violations(strict.resource) == []


# The same name again


def test_the_same_file_again_changes_nothing(session: Session, storage: Storage) -> None:
    content = access_file()
    first = session.upload("access.csv", content)

    with storage.unchanged(session.resource):
        second = session.upload("access.csv", content)

    assert second.status_code == 200
    assert second.json() == first.json()


def test_a_name_that_is_taken_by_other_bytes_is_refused_but_not_remembered(session: Session, storage: Storage) -> None:
    session.uploaded("access.csv")

    with storage.unchanged(session.resource):
        answer = session.upload("access.csv", access_file())

    assert_error(answer, 409, "nameAlreadyExists", target="file")
    assert session.completed()["stats"]["filesUploaded"] == 1


def test_the_same_bytes_under_another_name_are_another_file(session: Session) -> None:
    content = access_file()

    ids = {session.uploaded(name, content)["id"] for name in ("a.csv", "b.csv")}

    assert len(ids) == 2
    assert session.read()["stats"] == {"filesUploaded": 2, "totalBytesUploaded": 2 * len(content)}


def test_names_of_files_compare_exactly(session: Session) -> None:
    session.uploaded("access.csv")
    session.uploaded("Access.csv")

    assert session.file_names() == ["access.csv", "Access.csv"]


def _warnings(answer: httpx.Response) -> list[tuple[str, str]]:
    """The codes of the warnings about an accepted file, and the name of another file in each."""
    assert answer.status_code == 200, answer.text
    found = answer.json().get("@uploads.warnings", [])
    assert answer.json().get("@uploads.warningCount", 0) == len(found)
    return [(warning["code"], warning["message"].split("'")[1]) for warning in found]


def test_the_same_content_and_nearly_the_same_name_are_warnings(session: Session) -> None:
    content = access_file()

    assert _warnings(session.upload("access.csv", content)) == []
    assert _warnings(session.upload("access (1).csv", content)) == [("sameContent", "access.csv")]
    assert _warnings(session.upload("ACCESS.csv", access_file())) == [("similarName", "access.csv")]
    both = [("sameContent", "access.csv"), ("similarName", "access.csv")]
    last = session.upload("Access.csv", content)

    assert _warnings(last) == both
    # The answer to a request that is repeated has them again, and the files keep their number.
    assert _warnings(session.upload("Access.csv", content)) == both
    assert [file["@uploads.warningCount"] for file in last.json()["files"]] == [0, 1, 1, 2]
    assert [file["@uploads.warningCount"] for file in session.files().json()["value"]] == [0, 1, 1, 2]


def test_a_deleted_file_is_like_no_other(session: Session) -> None:
    content = access_file()
    first = session.uploaded("access.csv", content)
    session.delete_file(first["id"])

    assert _warnings(session.upload("Access.csv", content)) == []


def test_of_uploads_at_the_same_time_each_but_the_first_is_warned(session: Session, service: str) -> None:
    content = access_file()

    async def send() -> list[httpx.Response]:
        async with async_http_client(service) as http:
            there = f"{session.path}/uploadFile"
            files = [{"file": (f"{number}.csv", content, "text/csv")} for number in range(6)]
            return await asyncio.gather(*(http.post(there, files=each) for each in files))

    answers = asyncio.run(send())

    assert sorted(len(_warnings(answer)) for answer in answers) == [0, 1, 1, 1, 1, 1]
    assert sorted(file["@uploads.warningCount"] for file in session.files().json()["value"]) == [0, 1, 1, 1, 1, 1]


# Limits


def test_a_file_of_exactly_the_allowed_size_is_accepted(strict: Session) -> None:
    assert strict.uploaded("access.csv", access_file_of(MAX_FILE_BYTES))["size"] == MAX_FILE_BYTES


@pytest.mark.parametrize(("excess", "status"), [(0, 200), (1, 413)])
def test_the_limit_is_one_of_decoded_bytes(strict: Session, excess: int, status: int) -> None:
    encoded = base64.encodebytes(access_file_of(MAX_FILE_BYTES + excess))
    head = b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\nContent-Transfer-Encoding: base64\r\n\r\n'

    assert strict.post_multipart(multipart(head + encoded)).status_code == status


@pytest.mark.parametrize("excess", [1, MAX_FILE_BYTES])
def test_a_file_that_is_too_large_is_refused_and_remembered(strict: Session, storage: Storage, excess: int) -> None:
    content = access_file_of(MAX_FILE_BYTES + excess)

    error = assert_error(strict.upload("large.csv", content), 413, "invalidRequest", "maxFileSizeExceeded")

    assert str(MAX_FILE_BYTES) in error["message"]
    assert storage.refused_names(strict) == ["large.csv"]
    assert storage.orphans(strict.resource) == []
    strict.uploaded("other.csv")
    refused = assert_error(strict.complete(), 409, "notAllowed", "uploadSessionIncomplete")
    assert [detail["target"] for detail in refused["details"]] == ["large.csv"]


def test_a_session_holds_a_limited_number_of_files(strict: Session, storage: Storage) -> None:
    content = access_file()
    strict.uploaded("0.csv", content)
    for number in range(1, MAX_FILES):
        strict.uploaded(f"{number}.csv")

    with storage.unchanged(strict.resource):
        error = assert_error(strict.upload("more.csv"), 400, "invalidRequest", "maxItemCountExceeded")
        assert str(MAX_FILES) in error["message"]
        assert strict.upload("0.csv", content).status_code == 200, "a retry is no further file"

    assert strict.completed()["stats"]["filesUploaded"] == MAX_FILES


# Sessions that are not active


def test_a_complete_session_takes_no_more_files(session: Session, storage: Storage) -> None:
    session.uploaded("access.csv")
    session.completed()

    with storage.unchanged(session.resource):
        assert_error(session.upload("more.csv"), 409, "notAllowed", "uploadSessionFailed")
        assert_error(session.upload("bad.csv", faulty_access_file(3)), 409, "notAllowed", "uploadSessionFailed")


def test_a_session_that_does_not_exist_is_404(session: Session) -> None:
    elsewhere = Resource(session.http).session(session.id)

    assert_error(elsewhere.upload("access.csv"), 404, "itemNotFound", "uploadSessionNotFound")


# If-Match


def test_a_matching_etag_lets_the_upload_pass(session: Session) -> None:
    etag = session.get().headers["ETag"]

    assert session.upload("access.csv", headers={"If-Match": etag}).status_code == 200
    assert session.upload("more.csv", headers={"If-Match": "*"}).status_code == 200


def test_an_outdated_etag_stops_the_upload(session: Session, storage: Storage) -> None:
    outdated = session.get().headers["ETag"]
    session.uploaded("access.csv")

    with storage.unchanged(session.resource):
        answer = session.upload("more.csv", headers={"If-Match": outdated})

    assert_error(answer, 412, "resourceModified", "entityTagDoesNotMatch")


def test_a_malformed_etag_is_refused(session: Session, storage: Storage) -> None:
    with storage.unchanged(session.resource):
        answer = session.upload("access.csv", headers={"If-Match": "nonsense"})

    assert_error(answer, 400, "invalidRequest", "malformedEntityTag")


def test_upload_takes_no_query_options(session: Session, storage: Storage) -> None:
    body = multipart(part(access_file()))
    headers = {"Content-Type": "multipart/form-data; boundary=testboundary"}

    with storage.unchanged(session.resource):
        answer = session.http.post(f"{session.path}/uploadFile?$expand=files", content=body, headers=headers)

    assert_error(answer, 400, "invalidRequest", "invalidQueryOption", "$expand")
