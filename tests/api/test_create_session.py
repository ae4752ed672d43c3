"""POST on the collection: creating sessions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.support.client import (
    DATA_TYPE,
    SESSION_TYPE,
    Json,
    Resource,
    Session,
    as_object,
    assert_error,
    create_body,
    instant,
)
from tests.support.invariants import Storage


def test_a_new_session_is_active_and_empty(resource: Resource) -> None:
    body = create_body()

    answer = resource.create(body)

    assert answer.status_code == 201
    session = as_object(answer)
    assert UUID(session["id"])
    assert session["@odata.type"] == SESSION_TYPE
    assert session["status"] == "active"
    assert session["isUploadDone"] is False
    assert session["referenceId"] == body["data"]["reviewInstanceId"]
    assert session["data"] == body["data"]
    assert session["stats"] == {"filesUploaded": 0, "totalBytesUploaded": 0}
    assert session["files"] == []
    assert not {"source", "type"} & session.keys()


def test_a_new_session_has_its_creation_and_expiration_time(resource: Resource) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    session = as_object(resource.create())

    created = instant(session["createdDateTime"])
    assert before <= created <= datetime.now(UTC)
    assert instant(session["expirationDateTime"]) == created + timedelta(hours=2)


def test_location_leads_to_the_new_session(resource: Resource) -> None:
    answer = resource.create()

    session = resource.http.get(answer.headers["Location"])

    assert session.status_code == 200
    assert session.json()["id"] == answer.json()["id"]
    assert (
        answer.headers["Location"] == f"{str(resource.http.base_url).rstrip('/')}{resource.path}/{session.json()['id']}"
    )


def test_a_new_session_carries_its_context_and_etag(resource: Resource) -> None:
    answer = resource.create()

    assert answer.json()["@odata.context"] == f"{resource.context}/$entity"
    assert answer.json()["@odata.etag"] == answer.headers["ETag"]


def test_ids_of_sessions_are_in_the_order_of_their_creation(resource: Resource) -> None:
    sessions = [as_object(resource.create()) for _ in range(5)]

    assert sorted(sessions, key=lambda session: session["id"]) == sorted(
        sessions, key=lambda session: (session["createdDateTime"], session["id"])
    )


@pytest.mark.parametrize("same", [str.lower, str.upper], ids=["as-it-was", "in-capitals"])
def test_a_second_session_for_a_reference_is_refused_with_the_id_of_the_first(
    resource: Resource, same: Callable[[str], str], storage: Storage
) -> None:
    reference = str(uuid4())
    first = resource.new_session(reference)

    with storage.unchanged(resource):
        answer = resource.create(create_body(same(reference)))

    error = assert_error(answer, 409, "nameAlreadyExists", target="referenceId")
    assert first.id in error["message"]
    assert error["innerError"]["uploadSessionId"] == first.id


def test_a_complete_session_keeps_its_reference(resource: Resource) -> None:
    reference = str(uuid4())
    first = resource.new_session(reference)
    first.uploaded("access.csv")
    first.completed()

    error = assert_error(resource.create(create_body(reference)), 409, "nameAlreadyExists", target="referenceId")

    assert error["innerError"]["uploadSessionId"] == first.id
    assert error["message"].endswith(", which is complete. The data of this review instance is final.")


def test_a_deleted_session_frees_its_reference(resource: Resource) -> None:
    reference = str(uuid4())
    first = resource.new_session(reference)
    assert first.delete().status_code == 204

    second = resource.new_session(reference)

    assert second.id != first.id
    assert second.read()["referenceId"] == reference


def test_a_reference_is_unique_within_its_resource_only(resource: Resource) -> None:
    reference = str(uuid4())
    resource.new_session(reference)

    other_resource = Resource(resource.http, catalog_id=resource.catalog_id)
    other_catalog = Resource(resource.http, resource_id=resource.resource_id)

    assert other_resource.create(create_body(reference)).status_code == 201
    assert other_catalog.create(create_body(reference)).status_code == 201


def test_one_review_definition_may_have_many_instances(resource: Resource) -> None:
    definition = str(uuid4())

    answers = [resource.create(create_body(definition_id=definition)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]


def _without(body: Json, *path: str) -> Json:
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return body


def _with(body: Json, value: object, *path: str) -> Json:
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return body


@pytest.mark.parametrize(
    ("body", "target"),
    [
        pytest.param({}, "data", id="no-data"),
        pytest.param({"@odata.type": SESSION_TYPE, "data": None}, "data", id="data-is-null"),
        pytest.param({"@odata.type": SESSION_TYPE, "data": "review"}, "data", id="data-is-text"),
        pytest.param({"@odata.type": SESSION_TYPE, "data": [1]}, "data", id="data-is-a-list"),
        pytest.param(_without(create_body(), "data", "reviewInstanceId"), "data.reviewInstanceId", id="no-instance"),
        pytest.param(
            _without(create_body(), "data", "reviewDefinitionId"), "data.reviewDefinitionId", id="no-definition"
        ),
        pytest.param(
            _with(create_body(), "review-1", "data", "reviewInstanceId"),
            "data.reviewInstanceId",
            id="instance-is-no-guid",
        ),
        pytest.param(
            _with(create_body(), f"{{{uuid4()}}}", "data", "reviewInstanceId"),
            "data.reviewInstanceId",
            id="instance-in-braces",
        ),
        pytest.param(_with(create_body(), 7, "data", "reviewInstanceId"), "data.reviewInstanceId", id="a-number"),
        pytest.param(
            _with(create_body(), uuid4().hex, "data", "reviewDefinitionId"),
            "data.reviewDefinitionId",
            id="definition-without-hyphens",
        ),
        pytest.param(_with(create_body(), "blue", "colour"), "colour", id="unknown-property"),
        pytest.param(_with(create_body(), "blue", "data", "colour"), "data.colour", id="unknown-property-of-data"),
        pytest.param(
            _with(create_body(), "#microsoft.graph.user", "@odata.type"), "@odata.type", id="another-type-of-session"
        ),
        pytest.param(
            _with(create_body(), "#microsoft.graph.user", "data", "@odata.type"),
            "data.@odata.type",
            id="another-type-of-data",
        ),
    ],
)
def test_an_invalid_body_is_refused_with_the_place_of_its_error(
    resource: Resource, storage: Storage, body: Json, target: str
) -> None:
    with storage.unchanged(resource):
        error = assert_error(resource.create(body), 400, "invalidRequest")

    assert target in [detail["target"] for detail in error["details"]]
    assert resource.ids() == []


def test_every_error_of_a_body_is_listed_at_once(resource: Resource) -> None:
    body = _with(_with(create_body(), "x", "data", "reviewInstanceId"), "y", "data", "reviewDefinitionId")

    error = assert_error(resource.create(body), 400, "invalidRequest")

    assert {detail["target"] for detail in error["details"]} == {"data.reviewInstanceId", "data.reviewDefinitionId"}


def test_annotations_that_are_not_known_are_ignored(resource: Resource) -> None:
    body = create_body()
    body |= {"@uploads.delivery": [], "data@example.note": "x", "data": body["data"] | {"@example.note": "x"}}

    assert resource.create(body).status_code == 201


@pytest.mark.parametrize("missing", ["@odata.type", "data.@odata.type"])
def test_annotations_may_be_missing(resource: Resource, missing: str) -> None:
    body = create_body()
    del (body["data"] if missing.startswith("data.") else body)["@odata.type"]

    answer = resource.create(body)

    assert answer.status_code == 201
    assert answer.json()["@odata.type"] == SESSION_TYPE
    assert answer.json()["data"]["@odata.type"] == DATA_TYPE


def test_a_new_session_can_be_read_at_once(session: Session) -> None:
    assert session.read()["id"] == session.id
