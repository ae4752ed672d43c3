"""The two dialects: every path, both formats, and how each returns the sessions of the other."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.support.access_files import access_file
from tests.support.authority import Authority
from tests.support.client import (
    ALL_PATHS,
    BETA,
    BETA_ALIAS,
    DATA_TYPE,
    FOUNDING_DATA_TYPE,
    FOUNDING_TYPE,
    SESSION_TYPE,
    V1,
    V1_ALIAS,
    Json,
    Paths,
    Resource,
    Session,
    as_object,
    assert_error,
    create_body,
    founding_body,
    http_client,
)
from tests.support.invariants import Storage
from tests.support.service import running_service

all_paths = pytest.mark.parametrize("paths", ALL_PATHS, ids=[paths.name for paths in ALL_PATHS])
beta_paths = pytest.mark.parametrize("paths", [BETA, BETA_ALIAS], ids=["beta", "beta-alias"])
v1_paths = pytest.mark.parametrize("paths", [V1, V1_ALIAS], ids=["v1.0", "v1.0-alias"])


@pytest.fixture
def founding(resource: Resource) -> Session:
    """An active session that was created by the body of October 2025, as beta shows it."""
    beta = resource.through(BETA)
    answer = beta.create(founding_body())
    assert answer.status_code == 201, answer.text
    return beta.session(answer.json()["id"])


@all_paths
def test_a_whole_session_on_every_path(resource: Resource, paths: Paths) -> None:
    there = resource.through(paths)

    created = there.create()
    assert created.status_code == 201
    assert created.json()["@odata.context"] == f"{there.context}/$entity"
    assert there.http.get(created.headers["Location"]).json()["id"] == created.json()["id"]
    session = there.session(created.json()["id"])
    content = access_file()
    file = session.uploaded("access.csv", content)
    assert session.files().json()["value"] == [file]
    assert session.file(file["id"]).json()["name"] == "access.csv"
    assert session.value(file["id"]).content == content
    assert session.count_files().text == "1"
    assert there.sessions().json()["@odata.context"] == there.context
    assert there.ids() == [session.id]
    assert there.count().text == "1"
    assert session.read()["@odata.context"] == f"{there.context}/$entity"
    assert session.completed()["@odata.context"] == f"{there.context}/$entity"
    other = there.new_session()
    assert other.delete().status_code == 204
    assert there.ids() == [session.id]


@all_paths
def test_next_links_stay_on_their_path(resource: Resource, paths: Paths) -> None:
    there = resource.through(paths)
    ids = [there.new_session().id for _ in range(2)]

    first = as_object(there.sessions({"$top": "1"}))

    assert first["@odata.nextLink"].startswith(f"{str(there.http.base_url).rstrip('/')}{there.path}?")
    assert there.http.get(first["@odata.nextLink"]).json()["value"][0]["id"] == ids[1]


@beta_paths
def test_a_founding_body_creates_a_founding_session(resource: Resource, paths: Paths) -> None:
    beta = resource.through(paths)
    body = founding_body()

    answer = beta.create(body)

    assert answer.status_code == 201
    session = as_object(answer)
    assert session["source"] == body["source"]
    assert session["type"] == body["type"]
    assert session["data"] == body["data"]
    assert session["referenceId"] == body["data"]["accessReviewInstanceId"]
    assert session["status"] == "active"
    assert session["files"] == []
    assert session["@odata.context"] == f"{beta.context}/$entity"


@beta_paths
def test_beta_accepts_the_body_of_v1_and_responds_in_its_format(resource: Resource, paths: Paths) -> None:
    beta = resource.through(paths)
    body = create_body()

    session = as_object(beta.create(body))

    assert session["@odata.type"] == SESSION_TYPE
    assert session["data"] == body["data"]
    assert not {"source", "type"} & session.keys()


@v1_paths
def test_v1_refuses_the_founding_body(resource: Resource, storage: Storage, paths: Paths) -> None:
    with storage.unchanged(resource):
        assert_error(resource.through(paths).create(founding_body()), 400, "invalidRequest")


def test_the_body_of_microsofts_logic_app_template_is_accepted(resource: Resource) -> None:
    body = founding_body()
    body["data"]["@odata.type"] = "#microsoft.graph.accessReviewInstance"

    answer = resource.through(BETA).create(body)

    assert answer.status_code == 201
    assert answer.json()["referenceId"] == body["data"]["accessReviewInstanceId"]


def test_the_annotation_of_founding_data_is_optional(resource: Resource) -> None:
    body = founding_body()
    del body["data"]["@odata.type"]

    answer = resource.through(BETA).create(body)

    assert answer.status_code == 201
    data = answer.json()["data"]
    assert data["accessReviewId"] == body["data"]["accessReviewId"]
    assert data["accessReviewInstanceId"] == body["data"]["accessReviewInstanceId"]


def test_the_prefix_of_the_founding_type_is_optional(resource: Resource) -> None:
    body = founding_body()
    body["type"] = FOUNDING_TYPE.removeprefix("#microsoft.graph.")

    answer = resource.through(BETA).create(body)

    assert answer.status_code == 201
    assert answer.json()["type"] in (body["type"], FOUNDING_TYPE)


@pytest.mark.parametrize(
    ("change", "target"),
    [
        pytest.param({"source": None}, "source", id="source-is-null"),
        pytest.param({"source": ""}, "source", id="source-is-empty"),
        pytest.param({"source": 7}, "source", id="source-is-a-number"),
        pytest.param({"type": "#microsoft.graph.other"}, "type", id="another-type"),
        pytest.param({"type": None}, "type", id="type-is-null"),
        pytest.param({"data": {}}, "data.accessReviewInstanceId", id="empty-data"),
        pytest.param(
            {"data": {"accessReviewId": str(uuid4()), "accessReviewInstanceId": "x"}},
            "data.accessReviewInstanceId",
            id="instance-is-no-guid",
        ),
        pytest.param(
            {"data": {"accessReviewId": "x", "accessReviewInstanceId": str(uuid4())}},
            "data.accessReviewId",
            id="review-is-no-guid",
        ),
        pytest.param({"colour": "blue"}, "colour", id="unknown-property"),
    ],
)
def test_an_error_in_a_founding_body_has_its_target(
    resource: Resource, storage: Storage, change: Json, target: str
) -> None:
    with storage.unchanged(resource):
        answer = resource.through(BETA).create(founding_body() | change)

    error = assert_error(answer, 400, "invalidRequest")
    assert target in [detail["target"] for detail in error["details"]]


@pytest.mark.parametrize("missing", ["source", "type"])
def test_a_founding_body_needs_source_and_type(resource: Resource, storage: Storage, missing: str) -> None:
    body = founding_body()
    del body[missing]

    with storage.unchanged(resource):
        assert_error(resource.through(BETA).create(body), 400, "invalidRequest")


@v1_paths
def test_v1_returns_a_founding_session_in_its_own_format(founding: Session, paths: Paths) -> None:
    there = founding.read()

    here = founding.through(paths).read()

    assert here["@odata.type"] == SESSION_TYPE
    assert not {"source", "type"} & here.keys()
    assert here["data"] == {
        "@odata.type": DATA_TYPE,
        "reviewDefinitionId": there["data"]["accessReviewId"],
        "reviewInstanceId": there["data"]["accessReviewInstanceId"],
    }
    for name in ("id", "createdDateTime", "status", "isUploadDone", "referenceId", "stats", "expirationDateTime"):
        assert here[name] == there[name]
    assert founding.resource.through(paths).sessions().json()["value"][0]["@odata.type"] == SESSION_TYPE


@beta_paths
def test_beta_returns_a_v1_session_in_the_v1_format(session: Session, paths: Paths) -> None:
    there = session.read()

    here = session.through(paths).read()

    differing = {"@odata.context"}
    assert {name: here[name] for name in here.keys() - differing} == {
        name: there[name] for name in there.keys() - differing
    }


def test_a_list_on_beta_has_both_formats(founding: Session) -> None:
    other = founding.resource.new_session()

    first, second = founding.resource.sessions().json()["value"]

    assert (first["id"], first["source"], first["type"]) == (founding.id, "BuildingAccessData", FOUNDING_TYPE)
    assert (second["id"], second["@odata.type"]) == (other.id, SESSION_TYPE)
    assert "source" not in second


def test_an_upload_to_a_founding_session_responds_in_the_founding_format(founding: Session) -> None:
    answer = founding.upload("access.csv")

    service = str(founding.http.base_url).rstrip("/")
    context = f"{service}/beta/$metadata#microsoft.graph.customDataProvidedResourceUploadSession"
    assert answer.json()["@odata.context"] == context
    assert answer.json()["source"] == "BuildingAccessData"
    assert answer.json()["stats"]["filesUploaded"] == 1


def test_a_founding_session_is_completed_from_v1(founding: Session) -> None:
    founding.uploaded("access.csv")

    founding.through(V1).completed()

    assert founding.read()["status"] == "complete"
    assert founding.read()["source"] == "BuildingAccessData"


def test_a_file_uploaded_on_one_path_is_read_on_all(session: Session) -> None:
    content = access_file()
    file = session.through(BETA_ALIAS).uploaded("access.csv", content)

    for paths in ALL_PATHS:
        assert session.through(paths).value(file["id"]).content == content


def test_a_reference_is_taken_for_both_dialects(resource: Resource) -> None:
    reference = str(uuid4())
    first = resource.new_session(reference)

    error = assert_error(resource.through(BETA).create(founding_body(reference)), 409, "nameAlreadyExists")

    assert error["innerError"]["uploadSessionId"] == first.id


def test_founding_data_is_echoed_with_its_own_annotation(founding: Session) -> None:
    assert founding.read()["data"]["@odata.type"] == FOUNDING_DATA_TYPE


@pytest.mark.parametrize(
    "path",
    [
        "v1.0/identityGovernance/entitlementManagement/accessPackageCatalogs/{c}/accessPackageResources/{r}/uploadSessions",
        "v1.0/identityGovernance/entitlementManagement/catalogs/{c}/accessPackageResources/{r}/uploadSessions",
        "v1.0/identityGovernance/catalogs/{c}/accessPackageResources/{r}/uploadSessions",
        "v1.0/identityGovernance/accessPackageCatalogs/{c}/resources/{r}/uploadSessions",
        "beta/identityGovernance/entitlementManagement/catalogs/{c}/resources/{r}/uploadSessions",
        "beta/identityGovernance/entitlementManagement/accessPackageCatalogs/{c}/resources/{r}/uploadSessions",
        "beta/identityGovernance/catalogs/{c}/resources/{r}/uploadSessions",
        "beta/identityGovernance/accessPackageCatalogs/{c}/accessPackageResources/{r}/uploadSessions",
    ],
)
def test_path_segments_of_the_other_version_are_404(session: Session, path: str) -> None:
    resource = session.resource
    collection = "/" + path.format(c=resource.catalog_id, r=resource.resource_id)

    assert_error(session.http.get(collection), 404, "itemNotFound")
    assert_error(session.http.post(collection, json=create_body()), 404, "itemNotFound")
    assert_error(session.http.get(f"{collection}/{session.id}"), 404, "itemNotFound")


@pytest.fixture(scope="module")
def published_http(storage: Storage, authority: Authority) -> Iterator[httpx.Client]:
    """A client of a service that callers reach under another address than its own."""
    settings = {**authority.settings, "public_url": "https://uploads.contoso.example/"}
    with (
        running_service(storage.connection_string, **settings) as url,
        http_client(url, authority.token()) as client,
    ):
        yield client


def test_links_have_the_public_address_of_the_service(published_http: httpx.Client) -> None:
    resource = Resource(published_http)
    answers = [resource.create() for _ in range(2)]

    public = "https://uploads.contoso.example"
    assert answers[0].headers["Location"] == f"{public}{resource.path}/{answers[0].json()['id']}"
    assert answers[0].json()["@odata.context"].startswith(f"{public}/v1.0/$metadata#")
    assert resource.sessions({"$top": "1"}).json()["@odata.nextLink"].startswith(f"{public}{resource.path}?")


# Keys in brackets, as OData writes them


@all_paths
def test_every_operation_supports_keys_in_parentheses(http: httpx.Client, paths: Paths) -> None:
    resource = Resource(http, paths)
    collection = f"/{paths.version}/" + paths.collection.format(
        catalog=f"('{resource.catalog_id}')", resource=f"('{resource.resource_id}')"
    )
    body = create_body()

    made = http.post(collection, json=body)
    assert made.status_code == 201
    session = resource.session(made.json()["id"])
    keyed = f"{collection}('{session.id}')"
    assert http.get(collection).json()["value"][0]["id"] == session.id
    assert http.get(f"{collection}/$count").text == "1"
    assert http.get(keyed).json()["id"] == session.id
    assert http.get(keyed.replace("(", "%28").replace("'", "%27")).json()["id"] == session.id
    content = access_file()
    form = {"file": ("access.csv", content, "text/csv")}
    file = http.post(f"{keyed}/uploadFile", files=form).json()["files"][0]["id"]
    assert http.get(f"{keyed}/files('{file}')/$value").content == content
    assert http.patch(keyed, json={"isUploadDone": True}).status_code == 200
    assert_error(http.delete(keyed), 409, "notAllowed")
    assert_error(http.put(keyed), 405, "notAllowed")


@pytest.mark.parametrize("key", ["''", "'x'", "'../..'", "'{id}'/..", "('{id}')", "'{id}", "'{id}%2Ffiles'", '"{id}"'])
def test_malformed_keys_in_parentheses_are_refused(session: Session, key: str) -> None:
    path = session.path.rpartition("/")[0] + f"({key.format(id=session.id)})"

    assert session.http.get(path).status_code in (400, 404)


def test_keys_in_parentheses_give_no_access_to_other_resources(session: Session, http: httpx.Client) -> None:
    other = Resource(http)
    keyed = f"/v1.0/identityGovernance/catalogs('{other.catalog_id}')/resources('{other.resource_id}')/uploadSessions"

    assert_error(http.get(f"{keyed}('{session.id}')"), 404, "itemNotFound")
    assert_error(http.delete(f"{keyed}('{session.id}')"), 404, "itemNotFound")
