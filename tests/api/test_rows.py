"""Files that are not in Graph's form: kept as they were uploaded, and beside them their rows, which everybody uses."""

import csv
import io
import json
from hashlib import sha256

import httpx
import pytest

from tests.support.access_files import access_file
from tests.support.client import Resource, Session, assert_error, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service

GRAPH = access_file(5)
SEMICOLONS = GRAPH.replace(b",", b";")
ANA = "8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11"
LOGINS = f"Konto;Rolle;Stand\r\n{ANA};Prüfer, Köln;1\r\n{ANA};Leser;2\r\n"
DECLARED = {
    "columns": {"principalId": "Konto", "permissionId": "Rolle", "permissionName": "Rolle"},
    "constants": {"principalType": "user"},
    "ignoreOtherColumns": True,
    "encoding": "windows-1252",
}


def declare(session: Session, declaration: object) -> None:
    resource = session.resource
    path = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}/import"
    answer = session.http.put(path, json=declaration)
    assert answer.status_code == 200, answer.text


def rows_of(session: Session, file: dict[str, object]) -> httpx.Response:
    return session.http.get(f"{session.path}/files/{file['id']}/rows/$value")


def test_a_file_is_kept_as_it_was_uploaded_and_its_rows_beside_it(session: Session, storage: Storage) -> None:
    answer = session.upload("access.csv", SEMICOLONS)

    assert answer.status_code == 200, answer.text
    assert [warning["code"] for warning in answer.json()["@uploads.warnings"]][-1:] != []
    assert "converted" in answer.text
    (file,) = session.files().json()["value"]
    assert session.value(file["id"]).content == SEMICOLONS
    rows = rows_of(session, file)
    assert rows.content == GRAPH.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert rows.headers["etag"] == f'"{sha256(rows.content).hexdigest()}"'
    assert file["@uploads.rows"] == {
        "layout": "graph",
        "sha256": sha256(rows.content).hexdigest(),
        "size": len(rows.content),
        "rowCount": 5,
        "steps": ["separate"],
        "matched": {},
        "leftOut": 0,
        "directory": None,
    }
    assert (file["size"], file["@uploads.sha256"]) == (len(SEMICOLONS), sha256(SEMICOLONS).hexdigest())
    assert len(storage.blob_names(session.resource)) == 2
    part = session.http.get(f"{session.path}/files/{file['id']}/rows/$value", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, rows.content[5:10])


def test_a_file_in_graphs_form_is_its_own_rows(session: Session, storage: Storage) -> None:
    declare(session, DECLARED)
    session.uploaded("access.csv", GRAPH)

    (file,) = session.files().json()["value"]
    assert file["@uploads.rows"] is None
    assert rows_of(session, file).content == GRAPH
    assert len(storage.blob_names(session.resource)) == 1


def test_what_is_declared_names_the_columns_of_the_next_uploads(session: Session, storage: Storage) -> None:
    content = LOGINS.encode("windows-1252")
    refused = session.upload("logins.csv", content)
    assert_error(refused, 400, "invalidRequest")
    declare(session, DECLARED)

    answer = session.upload("logins.csv", content)

    assert answer.status_code == 200, answer.text
    (file,) = session.files().json()["value"]
    assert file["@uploads.rows"]["steps"] == ["decode", "separate", "columns"]
    assert list(csv.DictReader(io.StringIO(rows_of(session, file).text))) == [
        {
            "principalId": ANA,
            "principalType": "user",
            "permissionId": role,
            "permissionName": role,
            "permissionDescription": "",
            "permissionType": "",
        }
        for role in ("Prüfer, Köln", "Leser")
    ]
    faulty = session.upload("faulty.csv", content.replace(ANA.encode(), b"nobody", 1))
    assert [detail["target"] for detail in faulty.json()["error"]["details"]] == ["line 2, Konto"]
    assert len(storage.blob_names(session.resource)) == 2


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b"Konto;Rolle;Stand\r\na;b;c\r\n", ["Konto", "Rolle", "Stand"]),
        (GRAPH.replace(b"permissionName", b"Role name"), ["principalId", "principalType", "permissionId", "Role name"]),
    ],
)
def test_a_header_that_fits_nothing_is_refused_with_the_columns_of_the_file(
    session: Session, content: bytes, columns: list[str]
) -> None:
    error = assert_error(session.upload("other.csv", content), 400, "invalidRequest")

    assert error["innerError"]["columns"][: len(columns)] == columns


@pytest.mark.parametrize("rows", [3, 3000])
def test_rows_are_made_of_a_file_that_turns_out_late_not_to_be_plain(storage: Storage, rows: int) -> None:
    with running_service(storage.connection_string, block_bytes=64 * 1024) as url, http_client(url) as http:
        session = Resource(http).new_session()
        plain = access_file(rows)
        content = plain + f'"{ANA}" ,user,1,"Main, door" ,,\n,,,,,\n'.encode()

        answer = session.upload("late.csv", content)

        assert answer.status_code == 200, answer.text
        (file,) = session.files().json()["value"]
        assert file["@uploads.rows"]["steps"] == ["separate"]
        made = rows_of(session, file)
        expected = plain + f'{ANA},user,1,"Main, door",,\n'.encode()
        assert made.content.replace(b"\r\n", b"\n") == expected.replace(b"\r\n", b"\n")
        assert sha256(made.content).hexdigest() == file["@uploads.rows"]["sha256"]
        assert session.value(file["id"]).content == content
        assert storage.violations(session.resource) == []


def test_both_blobs_go_with_the_file(session: Session, storage: Storage) -> None:
    for name in ("a.csv", "b.csv"):
        session.uploaded(name, SEMICOLONS.replace(b"user", b"USER") if name == "b.csv" else SEMICOLONS)
    assert len(storage.blob_names(session.resource)) == 4
    first = session.files().json()["value"][0]

    assert session.http.delete(f"{session.path}/files/{first['id']}").status_code == 204
    assert len(storage.blob_names(session.resource)) == 2
    assert session.http.delete(session.path).status_code == 204
    assert storage.blob_names(session.resource) == []


def test_the_manifest_names_both(session: Session, storage: Storage) -> None:
    session.uploaded("access.csv", SEMICOLONS)
    session.uploaded("graph.csv", access_file(2))
    session.complete()

    converted, own = storage.manifest(session)["files"]
    assert converted["@uploads.rows"]["blob"] == f"{converted['id']}.rows"
    assert converted["@uploads.rows"]["size"] == len(GRAPH) or converted["rows"] == 5
    assert "@uploads.rows" not in own
    assert storage.violations(session.resource) == []


def test_the_same_bytes_under_another_declaration_are_another_file(session: Session) -> None:
    declare(session, DECLARED)
    content = LOGINS.encode("windows-1252")
    session.uploaded("logins.csv", content)
    assert session.upload("logins.csv", content).json()["stats"]["filesUploaded"] == 1
    declare(session, {**DECLARED, "constants": {"principalType": "EntraIdUser"}})

    error = assert_error(session.upload("logins.csv", content), 409, "nameAlreadyExists")

    assert "declared" in error["message"]


def test_a_file_that_is_refused_late_leaves_neither_blob(storage: Storage) -> None:
    with running_service(storage.connection_string, block_bytes=64 * 1024) as url, http_client(url) as http:
        session = Resource(http).new_session()
        content = access_file(3000).replace(b",", b";")
        assert_error(session.upload("late.csv", content + b"nobody;user;1;one;;\r\n"), 400, "invalidRequest")
        assert storage.orphans(session.resource) == []
        session.uploaded("whole.csv", content)
        assert storage.violations(session.resource) == []


def test_rows_have_the_limit_of_a_file(storage: Storage) -> None:
    with running_service(storage.connection_string, max_file_bytes="10000") as url, http_client(url) as http:
        session = Resource(http).new_session()
        declare(
            session, {**DECLARED, "encoding": None, "constants": {"principalType": "user", "CustomData": "x" * 250}}
        )
        content = f"Konto;Rolle\r\n{f'{ANA};a' * 1}\r\n" + f"{ANA};b\r\n" * 40

        assert_error(session.upload("many.csv", content.encode()), 413, "invalidRequest")
        assert storage.orphans(session.resource) == []


@pytest.mark.own_host("with a setting of its own")
def test_where_nothing_is_converted_such_files_are_refused(storage: Storage) -> None:
    with running_service(storage.connection_string) as url, http_client(url) as http:
        resource = Resource(http)
        declare(resource.new_session(), DECLARED)
    with running_service(storage.connection_string, convert="false") as url, http_client(url) as http:
        session = Resource(http, catalog_id=resource.catalog_id, resource_id=resource.resource_id).new_session()
        for content in (SEMICOLONS, LOGINS.encode(), GRAPH.decode().encode("utf-16"), b"sep=,\r\n" + GRAPH):
            assert_error(session.upload("other.csv", content), 400, "invalidRequest")
        session.uploaded("access.csv", GRAPH)


def test_a_dry_run_converts_and_stores_nothing(session: Session, storage: Storage) -> None:
    answer = session.http.post(f"{session.path}/validateFile", files={"file": ("a.csv", SEMICOLONS, "text/csv")})

    assert (answer.status_code, answer.json()["rowCount"]) == (200, 5)
    assert "converted" in answer.text
    assert storage.blob_names(session.resource) == []


def tried(session: Session, content: bytes, declaration: object = None) -> httpx.Response:
    resource = session.resource
    parts: list[tuple[str, tuple[str | None, bytes, str]]] = [("file", ("try.csv", content, "text/csv"))]
    if declaration is not None:
        parts.insert(0, ("import", (None, json.dumps(declaration).encode(), "application/json")))
    path = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}/validateFile"
    return session.http.post(path, files=parts)


def test_a_declaration_is_tried_before_it_is_stored(session: Session, storage: Storage) -> None:
    content = LOGINS.encode("windows-1252")
    with storage.unchanged(session.resource):
        refused = assert_error(
            tried(session, content.replace(b"\xfc", b"u").replace(b"\xf6", b"o")), 400, "invalidRequest"
        )
        assert refused["innerError"]["columns"] == ["Konto", "Rolle", "Stand"]

        answer = tried(session, content, DECLARED)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["columns"], answer.json()["rowCount"]) == (["Konto", "Rolle", "Stand"], 2)
    assert answer.json()["firstRows"][0] == {
        "principalId": ANA,
        "principalType": "user",
        "permissionId": "Pr\u00fcfer, K\u00f6ln",
        "permissionName": "Pr\u00fcfer, K\u00f6ln",
        "permissionDescription": "",
        "permissionType": "",
    }
    declare(session, DECLARED)
    assert tried(session, content).json()["firstRows"] == answer.json()["firstRows"]


def test_twenty_rows_are_shown_of_a_file_in_graphs_form_too(session: Session) -> None:
    answer = tried(session, access_file(3000))

    assert (answer.status_code, len(answer.json()["firstRows"]), answer.json()["rowCount"]) == (200, 20, 3000)
    assert [*answer.json()["firstRows"][0]] == answer.json()["columns"]


@pytest.mark.parametrize(
    ("declaration", "target"),
    [({"columns": {"login": "Konto"}}, "columns.login"), ([], "body"), ({"encoding": "latin-99"}, "encoding")],
)
def test_a_bad_declaration_is_not_tried(session: Session, declaration: object, target: str) -> None:
    assert_error(tried(session, SEMICOLONS, declaration), 400, "invalidRequest", target=target)


def test_a_declaration_comes_before_the_file_and_in_no_upload(session: Session) -> None:
    resource = session.resource
    path = f"/v1.0/uploads/resources/{resource.catalog_id}/{resource.resource_id}/validateFile"
    file = ("file", ("try.csv", SEMICOLONS, "text/csv"))
    declaration = ("import", (None, b"{}", "application/json"))
    assert_error(session.http.post(path, files=[file, declaration]), 400, "invalidRequest")
    assert_error(session.http.post(path, files=[declaration, declaration, file]), 400, "invalidRequest")
    assert_error(session.http.post(path, files=[declaration]), 400, "invalidRequest")
    assert_error(session.http.post(f"{session.path}/uploadFile", files=[declaration, file]), 400, "invalidRequest")
    large = ("import", (None, b" " * 70_000, "application/json"))
    assert_error(session.http.post(path, files=[large, file]), 413, "invalidRequest")
