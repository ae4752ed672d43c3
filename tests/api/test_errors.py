"""The headers of every response and the format of every error, including unknown paths and unsupported methods.

The client that the fixtures give checks headers and shape of every answer of every test; here they are looked at.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.client import ALL_PATHS, Paths, Session, as_object, assert_error, create_body
from tests.support.invariants import Storage

all_paths = pytest.mark.parametrize("paths", ALL_PATHS, ids=[paths.name for paths in ALL_PATHS])


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0",
        "/v1.0/",
        "/beta",
        "/v1.0/me",
        "/beta/users/1",
        "/v1.0/$metadata",
        "/v1.0/identityGovernance/entitlementManagement/catalogs",
        "/v1.0/identityGovernance/entitlementManagement/catalogs/x/resources/y",
        "/v1.0/identityGovernance/entitlementManagement/catalogs/x/resources/y/uploadsessions/z/w/v",
        "/v1.0/docs",
        "/v1.0/openapi.json",
        "/v1.0/%0A",
        "/v1.0/%01",
        "/v1.0/..%2f..%2fetc%2fpasswd",
        "/beta/ü/✓",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_path_is_404(http: httpx.Client, path: str, method: str) -> None:
    error = assert_error(http.request(method, path), 404, "itemNotFound")

    # The example has the version that was used.
    assert f"/{path.split('/')[1]}/identityGovernance/entitlementManagement/" in error["message"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", {"GET", "POST"}),
        ("/$count", {"GET"}),
        ("/{session}", {"GET", "PATCH", "DELETE"}),
        ("/{session}/uploadFile", {"POST"}),
        ("/{session}/microsoft.graph.uploadFile", {"POST"}),
        ("/{session}/files", {"GET"}),
        ("/{session}/files/$count", {"GET"}),
        ("/{session}/files/{file}", {"GET", "DELETE"}),
        ("/{session}/files/{file}/$value", {"GET"}),
        ("/{session}/refusals", {"GET"}),
        ("/{session}/refusals/{file}", {"DELETE"}),
    ],
)
@all_paths
def test_a_405_lists_the_supported_methods(
    session: Session, storage: Storage, paths: Paths, path: str, allowed: set[str]
) -> None:
    there = session.resource.through(paths).path + path.format(session=session.id, file=uuid4())

    with storage.unchanged(session.resource):
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
            answer = session.http.request(method, there)
            assert_error(answer, 405, "notAllowed")
            assert {name.strip() for name in answer.headers["Allow"].split(",")} - {"HEAD", "OPTIONS"} == allowed


def test_every_response_has_request_ids_and_a_date(session: Session) -> None:
    files = session.uploaded("access.csv")
    for answer in (
        session.resource.create(),
        session.resource.sessions(),
        session.resource.count(),
        session.get(),
        session.value(files["id"]),
        session.complete(),
        session.resource.new_session().delete(),
        session.resource.create({}),
        session.resource.session(str(uuid4())).get(),
        session.http.put(session.path),
        session.http.get("/beta/nothing/here"),
    ):
        assert UUID(answer.headers["request-id"])
        assert answer.headers["client-request-id"]
        assert abs(parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("client_request_id", [str(uuid4()), "order 66 / retry 2", "x" * 64])
def test_the_client_request_id_is_returned(session: Session, client_request_id: str) -> None:
    headers = {"client-request-id": client_request_id}

    good, bad = session.get(headers=headers), session.patch({}, headers=headers)

    assert good.headers["client-request-id"] == bad.headers["client-request-id"] == client_request_id
    assert bad.json()["error"]["innerError"]["client-request-id"] == client_request_id


def test_every_request_has_a_unique_id(session: Session) -> None:
    assert len({session.get().headers["request-id"] for _ in range(10)}) == 10


def test_an_error_has_its_date_and_request_id(session: Session) -> None:
    answer = session.patch({})

    inner = as_object(answer)["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["client-request-id"] == answer.headers["client-request-id"]
    at = datetime.fromisoformat(inner["date"]).replace(tzinfo=UTC)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_error_is_json_for_any_accept_header(session: Session) -> None:
    answer = session.http.get(f"{session.path}/files/{uuid4()}/$value", headers={"Accept": "application/octet-stream"})

    assert_error(answer, 404, "itemNotFound")
    assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_unsupported_methods_change_nothing(session: Session, storage: Storage, service: str, method: str) -> None:
    with storage.unchanged(session.resource):
        answer = httpx.request(method, f"{service}{session.path}")

    assert answer.status_code < 500


def test_a_connection_can_be_used_after_an_error(session: Session) -> None:
    for _ in range(3):
        assert_error(session.resource.create({}), 400, "invalidRequest")
        assert session.get().status_code == 200


def test_a_trailing_slash_is_ignored_or_an_unknown_path(session: Session) -> None:
    answer = session.http.get(f"{session.path}/")

    if answer.status_code != 200:
        assert_error(answer, 404, "itemNotFound")


def test_create_does_not_redirect(session: Session) -> None:
    answer = session.http.post(f"{session.resource.path}/", json=create_body(), follow_redirects=False)

    assert answer.status_code in (201, 404)
