"""Limits on the number of sessions of a resource and of active sessions of a caller."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.authority import Authority
from tests.support.client import Resource, assert_error, create_body, http_client
from tests.support.invariants import Storage
from tests.support.service import running_service


@pytest.fixture(scope="module")
def strict(storage: Storage, authority: Authority) -> Iterator[str]:
    """A service that allows four sessions for each resource and five active ones for each caller."""
    limits = {"max_sessions": 4, "max_active_sessions": 5}
    with running_service(storage.connection_string, **limits, **authority.settings) as url:
        yield url


@pytest.fixture
def oid() -> str:
    return str(uuid4())


@pytest.fixture
def theirs(strict: str, authority: Authority, oid: str) -> Iterator[httpx.Client]:
    """A client of a new caller."""
    with http_client(strict, authority.token(oid=oid)) as http:
        yield http


def test_the_number_of_sessions_of_a_resource_is_limited(theirs: httpx.Client, storage: Storage) -> None:
    resource = Resource(theirs)
    made = [resource.new_session() for _ in range(4)]

    error = assert_error(resource.create(), 400, "invalidRequest", "maxItemCountExceeded")

    assert "4 upload sessions" in error["message"]
    assert "UPLOADS_MAX_SESSIONS" in error["message"]
    assert resource.ids() == [session.id for session in made]
    assert storage.violations(resource) == []
    Resource(theirs).new_session()


def test_the_number_of_active_sessions_of_a_caller_is_limited(
    theirs: httpx.Client, strict: str, authority: Authority
) -> None:
    made = [Resource(theirs).new_session() for _ in range(5)]
    refused = Resource(theirs)

    answer = refused.create()

    error = assert_error(answer, 429, "activityLimitReached")
    assert "UPLOADS_MAX_ACTIVE_SESSIONS" in error["message"]
    assert int(answer.headers["Retry-After"]) <= 60
    assert refused.ids() == []
    assert made[0].read()["status"] == "active"
    with http_client(strict, authority.token(oid=str(uuid4()))) as another:
        Resource(another).new_session()


def test_sessions_that_have_ended_do_not_count(theirs: httpx.Client, storage: Storage, oid: str) -> None:
    for _ in range(3):
        done, gone = Resource(theirs).new_session(), Resource(theirs).new_session()
        done.uploaded("access.csv")
        done.completed()
        assert gone.delete().status_code == 204

    for _ in range(5):
        Resource(theirs).new_session()
    assert Resource(theirs).create().status_code == 429
    kept = list(storage.callers.query_entities("PartitionKey eq @caller", parameters={"caller": oid}))
    assert len(kept) <= 8, "five that are active, and three that may still be about to be created"


def test_a_session_that_was_not_created_does_not_count(theirs: httpx.Client) -> None:
    resource = Resource(theirs)
    resource.new_session(instance := str(uuid4()))
    for _ in range(6):
        assert resource.create(create_body(instance)).status_code == 409

    for _ in range(4):
        Resource(theirs).new_session()


def test_without_authentication_callers_are_not_counted(storage: Storage) -> None:
    with running_service(storage.connection_string, max_active_sessions=1) as url, http_client(url) as http:
        for _ in range(3):
            Resource(http).new_session()


@pytest.mark.parametrize("limit", ["of-the-resource", "of-the-caller"])
def test_a_repeated_create_at_a_limit_gets_the_session_that_exists(theirs: httpx.Client, limit: str) -> None:
    """A client that lost the answer of its last create sends it again."""
    resource, instance = Resource(theirs), str(uuid4())
    for other in [resource] * 3 if limit == "of-the-resource" else [Resource(theirs) for _ in range(4)]:
        other.new_session()
    session = resource.new_session(instance)
    assert resource.create().status_code == (400 if limit == "of-the-resource" else 429)

    error = assert_error(resource.create(create_body(instance)), 409, "nameAlreadyExists", target="referenceId")

    assert error["innerError"]["uploadSessionId"] == session.id
