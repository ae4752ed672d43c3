"""A small client for the API, as a stranger would write it from the contract, and what holds for every answer."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.access_files import access_file
from tests.support.contract import check_contract

Json = dict[str, Any]
Headers = Mapping[str, str]

SESSION_TYPE = "#microsoft.graph.customDataProvidedResourceAccessReviewUploadSession"
DATA_TYPE = "#microsoft.graph.customDataProvidedResourcePayloads.accessReviewContextData"
FOUNDING_TYPE = "#microsoft.graph.accessReviewDataUploadTriggerCallbackData"
FOUNDING_DATA_TYPE = "#microsoft.graph.accessReviewResourceDataUploadSessionContextData"

# For ``verify``: loading the machine's certificates takes each new client 25 ms, and the tests use plain HTTP.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

CODES = {
    "invalidRequest",
    "unauthenticated",
    "accessDenied",
    "itemNotFound",
    "notAllowed",
    "nameAlreadyExists",
    "resourceModified",
    "notSupported",
    "activityLimitReached",
    "serviceNotAvailable",
    "generalException",
}
NEVER_TOLD = ("Traceback", "AccountKey", "devstoreaccount", "BlobEndpoint", "TableEndpoint", ".py", "uploadsessions(")


@dataclass(frozen=True, slots=True)
class Paths:
    """One family of paths: a version's own words, or their alias."""

    name: str
    version: str
    collection: str
    canonical: str

    def context(self, service: str, catalog_id: str, resource_id: str) -> str:
        """``@odata.context`` of the collection, as the contract has it."""
        entity = self.canonical.format(catalog=f"('{catalog_id}')", resource=f"('{resource_id}')")
        return f"{service}/{self.version}/$metadata#{entity}"


_V1 = "identityGovernance/entitlementManagement/catalogs{catalog}/resources{resource}/uploadSessions"
_BETA = (
    "identityGovernance/entitlementManagement/accessPackageCatalogs{catalog}/accessPackageResources{resource}"
    "/uploadSessions"
)
V1 = Paths("v1.0", "v1.0", _V1, _V1)
V1_ALIAS = Paths("v1.0-alias", "v1.0", "identityGovernance/catalogs{catalog}/resources{resource}/uploadSessions", _V1)
BETA = Paths("beta", "beta", _BETA, _BETA)
BETA_ALIAS = Paths(
    "beta-alias", "beta", "identityGovernance/catalogs{catalog}/accessPackageResources{resource}/uploadSessions", _BETA
)
ALL_PATHS = (V1, V1_ALIAS, BETA, BETA_ALIAS)


def every_path(*quick: Paths) -> list[object]:
    """All of them, for ``parametrize``; those that are not ``quick`` run with ``--all``."""
    slow = pytest.mark.slow("of more families of paths")
    return [pytest.param(paths, id=paths.name, marks=() if paths in quick else slow) for paths in ALL_PATHS]


DEFINITION = "4c1d7f0a-93b2-4e5c-8f61-2a7b0d9e3c58"
"""The review definition of all sessions, unless a test names another."""


def create_body(instance_id: str | None = None, definition_id: str | None = None) -> Json:
    """What creates a session in v1.0."""
    return {
        "@odata.type": SESSION_TYPE,
        "data": {
            "@odata.type": DATA_TYPE,
            "reviewDefinitionId": definition_id or DEFINITION,
            "reviewInstanceId": instance_id or str(uuid4()),
        },
    }


def founding_body(instance_id: str | None = None, definition_id: str | None = None) -> Json:
    """What creates a session in the beta of October 2025."""
    return {
        "source": "BuildingAccessData",
        "type": FOUNDING_TYPE,
        "data": {
            "@odata.type": FOUNDING_DATA_TYPE,
            "accessReviewId": definition_id or str(uuid4()),
            "accessReviewInstanceId": instance_id or str(uuid4()),
        },
    }


# The server closes a connection that was idle for five seconds, which is httpx's default too: a request that is sent at
# that moment would get no response.
KEEP_IDLE_SECONDS = 2


def http_client(service: str, token: str | None = None, source: str | None = None) -> httpx.Client:
    """A client of the service that checks, of every answer, what the contract says of every answer.

    Args:
        service: the URL of the service.
        token: what it sends.
        source: the address that it sends from.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    limits = httpx.Limits(keepalive_expiry=KEEP_IDLE_SECONDS)
    transport = httpx.HTTPTransport(verify=NO_TLS, limits=limits, local_address=source)
    hooks = {"response": [_check]}
    return httpx.Client(base_url=service, timeout=60, headers=headers, event_hooks=hooks, transport=transport)


def async_http_client(service: str) -> httpx.AsyncClient:
    """The same for requests that are to meet each other."""

    async def check(answer: httpx.Response) -> None:
        await answer.aread()
        check_every_answer(answer)

    limits = httpx.Limits(max_connections=64, keepalive_expiry=KEEP_IDLE_SECONDS)
    hooks = {"response": [check]}
    return httpx.AsyncClient(base_url=service, timeout=60, limits=limits, event_hooks=hooks, verify=NO_TLS)


def _check(answer: httpx.Response) -> None:
    answer.read()
    if not urlsplit(str(answer.request.url)).path.startswith("/admin"):
        check_every_answer(answer)


def check_every_answer(answer: httpx.Response) -> None:
    """What every answer, errors included, promises: three headers, and one shape of errors that tells no secrets."""
    UUID(answer.headers["request-id"])
    assert answer.headers["client-request-id"], "every answer has a client-request-id"
    if sent := answer.request.headers.get("client-request-id"):
        assert answer.headers["client-request-id"] == sent
    assert len(answer.headers.get_list("Date")) == 1, "every answer has one Date"
    assert answer.headers["Cache-Control"], "every answer says who may keep it"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if answer.request.method == "HEAD":
        assert not answer.content
        return
    if answer.status_code >= 400:
        _check_error_shape(answer)
    check_contract(answer)


def _check_error_shape(answer: httpx.Response) -> None:
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) <= {"code", "message", "target", "details", "innerError"}
    assert error["code"] in CODES
    assert error["message"]
    inner = error["innerError"]
    assert inner["code"]
    datetime.fromisoformat(inner["date"])
    assert inner["request-id"] == answer.headers["request-id"]
    assert inner["client-request-id"] == answer.headers["client-request-id"]
    for detail in error.get("details", []):
        assert set(detail) == {"code", "message", "target"}
    for secret in NEVER_TOLD:
        assert secret not in answer.text, f"an error tells {secret!r}"
    if answer.status_code in (401, 403):
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), "a refusal says what would help"
    if answer.status_code in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of one catalog, nobody else's, as seen through one family of paths."""

    http: httpx.Client
    paths: Paths = V1
    catalog_id: str = field(default_factory=lambda: str(uuid4()))
    resource_id: str = field(default_factory=lambda: str(uuid4()))

    def through(self, paths: Paths) -> "Resource":
        """The same resource through other paths."""
        return Resource(self.http, paths, self.catalog_id, self.resource_id)

    @property
    def path(self) -> str:
        """The path of the resource's sessions."""
        collection = self.paths.collection.format(catalog=f"/{self.catalog_id}", resource=f"/{self.resource_id}")
        return f"/{self.paths.version}/{collection}"

    @property
    def context(self) -> str:
        """``@odata.context`` of the list of sessions."""
        service = str(self.http.base_url).rstrip("/")
        return self.paths.context(service, self.catalog_id, self.resource_id)

    def create(self, body: object = None, headers: Headers | None = None) -> httpx.Response:
        """POST the collection."""
        return self.http.post(self.path, json=create_body() if body is None else body, headers=headers)

    def new_session(self, instance_id: str | None = None) -> "Session":
        """A session that was just created."""
        answer = self.create(create_body(instance_id))
        assert answer.status_code == 201, answer.text
        return self.session(answer.json()["id"])

    def session(self, session_id: str) -> "Session":
        """The session of that id, whether or not there is one."""
        return Session(self, session_id)

    def sessions(self, params: Mapping[str, str] | None = None) -> httpx.Response:
        """GET the collection."""
        return self.http.get(self.path, params=params)

    def ids(self, params: Mapping[str, str] | None = None) -> list[str]:
        """The ids that a list answers, in its order."""
        answer = self.sessions(params)
        assert answer.status_code == 200, answer.text
        return [session["id"] for session in answer.json()["value"]]

    def count(self, params: Mapping[str, str] | None = None) -> httpx.Response:
        """GET ``$count`` of the sessions."""
        return self.http.get(f"{self.path}/$count", params=params)


@dataclass(frozen=True, slots=True)
class Session:
    """One upload session and what can be done to it."""

    resource: Resource
    id: str

    def through(self, paths: Paths) -> "Session":
        """The same session through other paths."""
        return Session(self.resource.through(paths), self.id)

    @property
    def http(self) -> httpx.Client:
        """The client that reaches the session."""
        return self.resource.http

    @property
    def path(self) -> str:
        """The session's path."""
        return f"{self.resource.path}/{self.id}"

    def get(self, params: Mapping[str, str] | None = None, headers: Headers | None = None) -> httpx.Response:
        """GET the session."""
        return self.http.get(self.path, params=params, headers=headers)

    def read(self, params: Mapping[str, str] | None = None) -> Json:
        """The session as it is now."""
        answer = self.get(params)
        assert answer.status_code == 200, answer.text
        return as_object(answer)

    def patch(self, body: object, headers: Headers | None = None) -> httpx.Response:
        """PATCH the session."""
        return self.http.patch(self.path, json=body, headers=headers)

    def complete(self, headers: Headers | None = None) -> httpx.Response:
        """Mark the session as done."""
        return self.patch({"isUploadDone": True}, headers)

    def completed(self) -> Json:
        """Mark the session as done, and see that it is."""
        answer = self.complete()
        assert answer.status_code == 200, answer.text
        return as_object(answer)

    def delete(self, headers: Headers | None = None) -> httpx.Response:
        """DELETE the session."""
        return self.http.delete(self.path, headers=headers)

    def upload(self, name: str, content: bytes | None = None, headers: Headers | None = None) -> httpx.Response:
        """POST a file; a good one, and unlike any other, if nothing else is said."""
        file = (name, access_file() if content is None else content, "text/csv")
        return self.http.post(f"{self.path}/uploadFile", files={"file": file}, headers=headers)

    def uploaded(self, name: str, content: bytes | None = None) -> Json:
        """POST a file, see it accepted, and give its entry in ``files``."""
        answer = self.upload(name, content)
        assert answer.status_code == 200, answer.text
        (file,) = [file for file in as_object(answer)["files"] if file["name"] == name]
        return dict(file)

    def post_multipart(self, body: bytes, boundary: str = "testboundary") -> httpx.Response:
        """POST a multipart body exactly as it is."""
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.http.post(f"{self.path}/uploadFile", content=body, headers=headers)

    def files(self, params: Mapping[str, str] | None = None) -> httpx.Response:
        """GET the session's files."""
        return self.http.get(f"{self.path}/files", params=params)

    def file_names(self, params: Mapping[str, str] | None = None) -> list[str]:
        """The names of the session's files, in the order of the answer."""
        answer = self.files(params)
        assert answer.status_code == 200, answer.text
        return [file["name"] for file in answer.json()["value"]]

    def count_files(self, params: Mapping[str, str] | None = None) -> httpx.Response:
        """GET ``$count`` of the files."""
        return self.http.get(f"{self.path}/files/$count", params=params)

    def file(self, file_id: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        """GET one file's entry."""
        return self.http.get(f"{self.path}/files/{file_id}", params=params)

    def value(self, file_id: str) -> httpx.Response:
        """GET a file's bytes."""
        return self.http.get(f"{self.path}/files/{file_id}/$value")

    def delete_file(self, file_id: str, headers: Headers | None = None) -> httpx.Response:
        """DELETE one file."""
        return self.http.delete(f"{self.path}/files/{file_id}", headers=headers)

    def refusals(self) -> httpx.Response:
        """GET the session's open refusals."""
        return self.http.get(f"{self.path}/refusals")

    def withdraw(self, refusal_id: str) -> httpx.Response:
        """DELETE one refusal."""
        return self.http.delete(f"{self.path}/refusals/{refusal_id}")


def as_object(answer: httpx.Response) -> Json:
    """The answer's JSON, which is an object."""
    body = answer.json()
    assert isinstance(body, dict)
    return body


def assert_error(
    answer: httpx.Response, status: int, code: str, inner: str | None = None, target: str | None = None
) -> Json:
    """See that the answer is that error, and give its ``error``."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    error = as_object(answer)["error"]
    assert isinstance(error, dict)
    assert error["code"] == code, error
    if inner is not None:
        assert error["innerError"]["code"] == inner, error
    if target is not None:
        assert error.get("target") == target, error
    return error


def instant(text: str) -> datetime:
    """A ``DateTimeOffset`` of an answer: UTC, written with ``Z``."""
    assert text.endswith("Z"), text
    at = datetime.fromisoformat(text)
    assert at.utcoffset() == timedelta(0)
    return at


def multipart(*parts: bytes, boundary: str = "testboundary", end: bytes = b"\r\n") -> bytes:
    """A multipart body of parts that are written out with their headers."""
    delimiter = b"--" + boundary.encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--" + end


def part(content: bytes, name: str | None = "file", filename: bytes | None = b"access.csv") -> bytes:
    """One part, written out with its headers."""
    disposition = b"form-data"
    if name is not None:
        disposition += b'; name="' + name.encode() + b'"'
    if filename is not None:
        disposition += b'; filename="' + filename + b'"'
    return b"Content-Disposition: " + disposition + b"\r\nContent-Type: text/csv\r\n\r\n" + content
