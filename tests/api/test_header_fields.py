"""Rules for header fields that hold for every operation: HEAD, caching, fields with one value, ``Prefer``."""

from uuid import uuid4

import httpx
import pytest

from tests.support.authority import Authority
from tests.support.client import Session, assert_error, http_client
from tests.support.registered import functions


def test_every_function_that_serves_get_serves_head() -> None:
    routes = [function.get_trigger() for function in functions() if function.is_http_function()]
    methods = [{method.value for method in route.methods} for route in routes]

    assert [each for each in methods if "GET" in each and "HEAD" not in each] == []


@pytest.mark.parametrize("path", ["/uploads", "/uploads/config", "/uploads/health", "/v1.0/uploads/openapi"])
def test_head_is_get_without_a_body(http: httpx.Client, path: str) -> None:
    get, head = http.get(path), http.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_head_of_a_session_and_its_file(session: Session) -> None:
    file = session.uploaded("access.csv")
    http, path = session.resource.http, session.path

    read = http.head(path)
    value = http.head(f"{path}/files/{file['id']}/$value")

    assert (read.status_code, read.headers["ETag"]) == (200, session.get().headers["ETag"])
    assert (value.status_code, value.headers["Content-Length"]) == (200, str(file["size"]))
    assert http.head(f"{session.resource.path}/{uuid4()}").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/uploads", "/uploads/health", "/uploads/config"])
def test_another_method_is_refused_in_the_shape_of_an_error(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path)

    assert_error(answer, 405, "notAllowed")
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("name", "lines", "status", "code"),
    [
        ("Content-Type", ["multipart/form-data; boundary=a", "multipart/form-data; boundary=b"], 400, "invalidRequest"),
        ("Content-Type", ["multipart/form-data; boundary=a, multipart/form-data; boundary=b"], 400, "invalidRequest"),
        ("Content-Encoding", ["gzip", "br"], 415, "notSupported"),
    ],
)
def test_a_field_with_one_value_is_refused_twice(
    session: Session, name: str, lines: list[str], status: int, code: str
) -> None:
    headers = [(name, line) for line in lines]

    answer = session.resource.http.post(f"{session.path}/uploadFile", content=b"--a--", headers=headers)

    assert_error(answer, status, code)


def test_two_tokens_are_no_token(guarded: str, authority: Authority) -> None:
    headers = [("Authorization", f"Bearer {authority.token()}")] * 2
    with http_client(guarded) as http:
        assert http.get("/v1.0/uploads/resources", headers=headers).status_code in (400, 401)


@pytest.mark.parametrize(
    "prefer",
    [
        "allow-incomplete=false",
        'allow-incomplete="0"',
        'foo="a, allow-incomplete, b"',
        "respond-async; allow-incomplete",
        "allow-incomplete=no, allow-incomplete",
    ],
)
def test_a_preference_that_is_declined_or_quoted_does_not_count(session: Session, prefer: str) -> None:
    answer = session.complete({"Prefer": prefer})

    assert_error(answer, 409, "notAllowed", "uploadSessionIncomplete")
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("prefer", ["allow-incomplete=true", 'allow-incomplete=""', 'x="\\",", Allow-Incomplete ;a'])
def test_a_preference_that_is_given_counts(session: Session, prefer: str) -> None:
    assert session.complete({"Prefer": prefer}).headers["Preference-Applied"] == "allow-incomplete"


@pytest.mark.parametrize("name", [" ", "\u00a0\u200b", "Doors\u0000", "\u202eevil", "a\nb\u2028"])
def test_text_that_people_read_is_readable(http: httpx.Client, name: str) -> None:
    path = f"/v1.0/uploads/resources/{uuid4()}/{uuid4()}"

    assert_error(http.put(path, json={"displayName": name}), 400, "invalidRequest")
    assert_error(http.put(path, json={"displayName": "Doors", "contact": name}), 400, "invalidRequest")
