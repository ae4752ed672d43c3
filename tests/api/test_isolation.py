"""Objects of one resource cannot be reached through another: every route, in every notation, with swapped ids."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from azure.functions import HttpMethod
from azure.functions.decorators.http import HttpTrigger

from tests.support.access_files import access_file, faulty_access_file
from tests.support.client import Resource, Session, create_body
from tests.support.invariants import Storage
from tests.support.registered import functions

# Operations on a resource as a whole: objects of another resource must not appear.
COLLECTIONS = {"list_sessions", "count_sessions", "create_session"}

BODIES = {
    "PATCH": {"json": {"isUploadDone": True}},
    "PUT": {"json": {"role": "owner"}},
}


def routes() -> Iterator[tuple[str, str, str]]:
    """Name, method and template of everything below a resource."""
    for function in functions():
        trigger = function.get_trigger()
        template = str(trigger.route) if isinstance(trigger, HttpTrigger) else ""
        if "{resourceId}" in template and "uploads/" not in template:
            name = re.sub(r"_(alias|beta|qualified).*", "", str(function.get_function_name()))
            # HEAD is GET without its body.
            for method in {HttpMethod(each).value for each in trigger.methods or ()} - {"HEAD"}:
                yield name, method, template


ROUTES = sorted(set(routes()))


def keyed(path: str) -> str:
    """The same path with its keys in parentheses."""
    return re.sub(r"/([0-9a-f]{8}-[0-9a-f-]{27})", r"('\1')", path)


def ask(http: httpx.Client, name: str, method: str, path: str) -> httpx.Response:
    if method == "POST":
        if name == "create_session":
            return http.post(path, json=create_body())
        if name == "redeliver_session":
            return http.post(path, json={"target": "graph"})
        return http.post(path, files={"file": ("other.csv", access_file(), "text/csv")})
    return http.request(method, path, **BODIES.get(method, {}))  # type: ignore[arg-type]


# For all tests here: that nothing changes them is what each test checks.
@pytest.fixture(scope="module")
def theirs(http: httpx.Client) -> Session:
    session = Resource(http).new_session()
    session.uploaded("access.csv")
    assert session.upload("theirs.csv", faulty_access_file(3)).status_code == 400
    return session


@pytest.fixture(scope="module")
def mine(http: httpx.Client) -> Session:
    session = Resource(http).new_session()
    session.uploaded("access.csv")
    assert session.upload("mine.csv", faulty_access_file(3)).status_code == 400
    return session


@pytest.mark.parametrize(
    ("name", "method", "template"),
    [
        pytest.param(
            *route,
            id="{1} {2}".format(*route),
            marks=() if "entitlementManagement" in route[2] else pytest.mark.slow("of more families of paths"),
        )
        for route in ROUTES
    ],
)
def test_ids_that_do_not_belong_together_are_not_found(
    theirs: Session, mine: Session, storage: Storage, name: str, method: str, template: str
) -> None:
    """A session under another resource or catalog, both of them, and a file or a refusal under another session."""
    their_file, my_file = (session.files().json()["value"][0]["id"] for session in (theirs, mine))
    their_refusal, my_refusal = (session.refusals().json()["value"][0]["id"] for session in (theirs, mine))
    good = {
        "catalogId": theirs.resource.catalog_id,
        "resourceId": theirs.resource.resource_id,
        "sessionId": theirs.id,
        "fileId": their_file,
        "refusalId": their_refusal,
    }
    other = {
        "catalogId": mine.resource.catalog_id,
        "resourceId": mine.resource.resource_id,
        "sessionId": mine.id,
        "fileId": my_file,
        "refusalId": my_refusal,
    }
    swapped = [
        good | {"catalogId": other["catalogId"]},
        good | {"resourceId": other["resourceId"]},
        good | {"catalogId": other["catalogId"], "resourceId": other["resourceId"]},
        good | {"catalogId": good["resourceId"], "resourceId": good["catalogId"]},
        good | {"sessionId": other["sessionId"]},
        good | {"fileId": other["fileId"]},
        good | {"refusalId": other["refusalId"]},
        good | {"refusalId": good["fileId"], "fileId": good["refusalId"]},
        good | {"sessionId": good["fileId"], "fileId": good["sessionId"]},
        good | {"catalogId": str(uuid4())},
    ]
    asked = {template.format(**ids) for ids in swapped} - {template.format(**good)}
    asked -= {template.format(**other)}
    with storage.unchanged(theirs.resource), storage.unchanged(mine.resource):
        for path in sorted(asked | {keyed(each) for each in asked}):
            answer = ask(theirs.http, name, method, f"/{path}")
            if name in COLLECTIONS:
                assert theirs.id not in answer.text
                assert mine.id not in answer.text
                assert answer.status_code in (200, 201)
                assert name != "count_sessions" or answer.text == "0"
            else:
                assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"


def test_every_operation_of_a_session_was_tried() -> None:
    names = {name for name, _, _ in ROUTES}
    assert names >= {"get_session", "update_session", "delete_session", "upload_file", "validate_file"}
    assert names >= {"list_files", "count_files", "get_file", "get_file_value", *COLLECTIONS}
    assert names >= {"delete_file", "list_refusals", "delete_refusal"}
    assert len(ROUTES) == 4 * (len(names) + 1), "both dialects, and the alias of each"
