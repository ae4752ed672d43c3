"""Hostile JSON and queries: each gets a short error or the usual interpretation, and changes nothing."""

from uuid import uuid4

import pytest

from tests.support.client import BETA, Session, as_object, assert_error
from tests.support.invariants import Storage

JSON = {"Content-Type": "application/json"}

# What the answer to a request of 64 KiB may have.
ANSWER_BYTES = 16 * 1024

HOSTILE = {
    "a lone surrogate as a name": b'{"\\ud800": true}',
    "a lone surrogate as a value": b'{"isUploadDone": "\\udfff"}',
    "surrogates in the wrong order": b'{"\\udc00\\ud800": 1}',
    "a surrogate in UTF-8": b'{"\xed\xa0\x80": 1}',
    "invalid UTF-8": b'{"\xff": 1}',
    "NUL, escaped": b'{"isUploadDone\\u0000": true}',
    "NUL, bare": b'{"isUploadDone\0": true}',
    "a name that reads from right to left": '{"\u202eisUploadDone": true}'.encode(),
    "UTF-16": '{"isUploadDone": true}'.encode("utf-16"),
    "not a number": b'{"isUploadDone": NaN}',
    "infinity": b'{"isUploadDone": -Infinity}',
    "a number beyond all numbers": b'{"isUploadDone": 1e999999}',
    "a number of 60,000 digits": b'{"isUploadDone": ' + b"9" * 60_000 + b"}",
    "a list 30,000 deep": b'{"isUploadDone": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "an object 10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "6,000 properties": b"{" + b",".join(b'"k%d":1' % number for number in range(6000)) + b"}",
    "a name of 60,000 letters": b'{"' + b"k" * 60_000 + b'": 1}',
    "true after false, and one more": b'{"isUploadDone": false, "isUploadDone": true, "x": 1}',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_json_gets_a_short_error(session: Session, storage: Storage, what: str) -> None:
    session.uploaded("access.csv")
    grant = f"/v1.0/uploads/grants/catalogs/{uuid4()}/principals/{uuid4()}"
    requests = [("PATCH", session.path), ("POST", session.resource.path), ("PUT", grant)]
    requests.append(("POST", session.resource.through(BETA).path))

    with storage.unchanged(session.resource):
        for method, path in requests:
            answer = session.http.request(method, path, content=HOSTILE[what], headers=JSON)
            assert_error(answer, 400, "invalidRequest")
            assert len(answer.content) < ANSWER_BYTES, f"{method} {path}"


def test_the_last_of_duplicate_properties_counts(session: Session) -> None:
    """As in JavaScript, .NET and Python: whoever looks at the body on its way sees what we see."""
    session.uploaded("access.csv")

    undone = session.http.patch(session.path, content=b'{"isUploadDone": true, "isUploadDone": false}', headers=JSON)
    assert_error(undone, 400, "invalidRequest", "propertyNotUpdateable")
    done = session.http.patch(session.path, content=b'{"isUploadDone": false, "isUploadDone": true}', headers=JSON)
    assert done.status_code == 200


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("=1+1", 201),
        ("<script>", 201),
        ("'\"\\", 201),
        ("a\uffff", 201),
        ("\0", 400),
        ("\x7f\x1b[31m", 400),
        ("\ufffe", 400),
    ],
)
def test_a_source_is_returned_as_it_was_sent_or_refused(session: Session, source: str, status: int) -> None:
    resource = session.resource.through(BETA)
    body = {
        "source": source,
        "type": "accessReviewDataUploadTriggerCallbackData",
        "data": {"accessReviewId": str(uuid4()), "accessReviewInstanceId": str(uuid4())},
    }

    made = resource.create(body)

    assert made.status_code == status
    if status == 400:
        assert_error(made, 400, "invalidRequest")
        return
    assert as_object(made)["source"] == source
    assert resource.session(as_object(made)["id"]).read()["source"] == source


QUERIES = {
    "3,500 parameters": "&".join(["a"] * 3500),
    "900 options": "&".join(f"$x{number}=1" for number in range(900)),
    "900 times the same option": "&".join(["$top=1"] * 900),
    "a negation of negations": "$filter=" + "not%20" * 300 + "(status%20eq%20'active')",
    "minus signs": "$filter=" + "-" * 1900 + "1%20eq%201",
    "quotes": "$filter=" + "'" * 1999,
    "calls": "$filter=" + "a(" * 19 + ")" * 19,
    "brackets": "$expand=" + "(" * 4000,
    "conditions": "$filter=" + "%20or%20".join(["status%20eq%20'active'"] * 80),
    "a surrogate": "$filter=%ED%A0%80",
    "NUL": "$filter=status%20eq%20'active'%00",
    "names": "$select=" + "id," * 2000 + "id",
    "orders": "$orderby=" + "createdDateTime," * 400 + "createdDateTime",
    "expansions": "$expand=" + "files," * 1000 + "files",
    "filters within": "$expand=files($filter=" + "not%20" * 300 + "(size%20gt%201))",
}


@pytest.mark.parametrize("what", QUERIES)
def test_hostile_queries_get_a_fast_response(session: Session, storage: Storage, what: str) -> None:
    with storage.unchanged(session.resource):
        for path in (session.resource.path, session.path, f"{session.path}/files"):
            answer = session.http.get(f"{path}?{QUERIES[what]}")
            assert answer.status_code == 200 or assert_error(answer, 400, "invalidRequest")
            assert len(answer.content) < ANSWER_BYTES
            assert answer.elapsed.total_seconds() < 2
