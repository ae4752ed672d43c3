"""Conditional requests (RFC 9110, section 13): a condition is honoured on every operation or refused, never ignored."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.client import Session, assert_error, create_body

MISMATCH = (412, "resourceModified", "entityTagDoesNotMatch")

# The operations on a session that have no condition of their own: what the request addresses has no ETag.
UNCONDITIONAL = (
    ("POST", ""),
    ("POST", "/{id}/validateFile"),
    ("GET", "/{id}/files"),
    ("GET", "/{id}/refusals"),
    ("GET", ""),
)


@pytest.fixture
def etag(session: Session) -> str:
    return session.get().headers["ETag"]


@pytest.fixture(params=["grants/catalogs/{}/resources/{}/principals/{}", "resources/{}/{}"])
def named(http: httpx.Client, request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """A path that PUT creates, and two bodies for it."""
    path = "/v1.0/uploads/" + request.param.format(uuid4(), uuid4(), uuid4())
    if "grants" in path:
        yield path, {"role": "owner"}, {"role": "reader"}
    else:
        yield path, {"displayName": "Doors"}, {"displayName": "Gates"}
    http.delete(path)


def test_get_of_what_the_caller_has_is_304(session: Session, etag: str) -> None:
    answer = session.get(headers={"If-None-Match": f'W/"other", {etag}'})

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    session.uploaded("access.csv")
    assert session.get(headers={"If-None-Match": etag}).status_code == 200


def test_get_under_a_false_condition_is_412(session: Session, etag: str) -> None:
    assert session.get(headers={"If-Match": etag}).status_code == 200
    assert_error(session.get(headers={"If-Match": '"other"'}), *MISMATCH)


def test_a_change_of_what_the_caller_has_is_412(session: Session, etag: str) -> None:
    for condition in (etag, "*"):
        assert_error(session.upload("access.csv", headers={"If-None-Match": condition}), *MISMATCH)
        assert_error(session.complete({"If-None-Match": condition}), *MISMATCH)
        assert_error(session.delete({"If-None-Match": condition}), *MISMATCH)
    assert session.upload("access.csv", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(("method", "path"), UNCONDITIONAL)
def test_no_operation_ignores_a_condition(session: Session, method: str, path: str) -> None:
    address = session.resource.path + path.format(id=session.id)

    answer = session.resource.http.request(method, address, headers={"If-Match": '"other"'}, json=create_body())

    assert_error(answer, *MISMATCH)


def test_a_refusal_is_withdrawn_under_the_condition_of_its_session(session: Session, etag: str) -> None:
    assert session.upload("access.csv", b"nonsense\n").status_code == 400
    refusals = f"{session.path}/refusals"
    refusal = session.resource.http.get(refusals).json()["value"][0]["id"]

    stale = session.resource.http.delete(f"{refusals}/{refusal}", headers={"If-Match": etag})

    assert_error(stale, *MISMATCH)
    fresh = {"If-Match": session.get().headers["ETag"]}
    assert session.resource.http.delete(f"{refusals}/{refusal}", headers=fresh).status_code == 204


def test_several_lines_are_one_list(session: Session, etag: str) -> None:
    lines = [("If-Match", '"other"'), ("If-Match", etag)]

    answer = session.resource.http.patch(session.path, json={"isUploadDone": True}, headers=lines)

    assert answer.status_code == 409, "the condition holds; the session has no file"


def test_put_creates_only_what_is_not_there(
    http: httpx.Client, named: tuple[str, dict[str, str], dict[str, str]]
) -> None:
    path, first, second = named
    only_new = {"If-None-Match": "*"}

    assert_error(http.put(path, json=first, headers={"If-Match": "*"}), *MISMATCH)
    assert http.put(path, json=first, headers=only_new).status_code == 200
    assert_error(http.put(path, json=second, headers=only_new), *MISMATCH)


def test_put_and_delete_change_only_what_was_read(
    http: httpx.Client, named: tuple[str, dict[str, str], dict[str, str]]
) -> None:
    path, first, second = named
    before = http.put(path, json=first)
    read = {"If-Match": before.headers["ETag"]}
    assert before.json()["@odata.etag"] == before.headers["ETag"]

    changed = http.put(path, json=second, headers=read)

    assert changed.status_code == 200
    assert changed.headers["ETag"] != before.headers["ETag"]
    assert_error(http.put(path, json=first, headers=read), *MISMATCH)
    assert_error(http.delete(path, headers=read), *MISMATCH)
    assert http.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204


def test_a_list_of_grants_has_the_etag_of_each(http: httpx.Client) -> None:
    catalog = str(uuid4())
    path = f"/v1.0/uploads/grants/catalogs/{catalog}/principals/{uuid4()}"
    put = http.put(path, json={"role": "owner"})

    listed = http.get(f"/v1.0/uploads/grants/catalogs/{catalog}").json()["value"]

    assert [grant["@odata.etag"] for grant in listed] == [put.headers["ETag"]]
