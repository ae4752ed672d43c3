"""The response bodies, as types: the code is checked against them, and the OpenAPI document is generated from them.

Names are Graph's. A property that ``$select`` may omit is not required.
"""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

Guid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

Entity = TypedDict("Entity", {"@odata.context": str})
Collection = TypedDict("Collection", {"@odata.context": str, "@odata.nextLink": NotRequired[str]})
CountedCollection = TypedDict(
    "CountedCollection",
    {"@odata.context": str, "@odata.nextLink": NotRequired[str], "@odata.count": NotRequired[Count]},
)


File = TypedDict(
    "File",
    {
        "id": Guid,
        "name": str,
        "size": Count,
        "uploadedDateTime": Instant,
        "@uploads.rowCount": Count,
        "@uploads.layout": str,
        "@uploads.sha256": Sha256,
        "@uploads.warningCount": Count,
    },
    total=False,
)
"""``customDataProvidedResourceFile``, annotated with what the file holds."""


class Refusal(TypedDict):
    """A file that was refused and has not been replaced."""

    id: Guid
    name: str
    refusedDateTime: Instant
    findingCount: Count


class Stats(TypedDict):
    """``customDataProvidedResourceUploadStats``: the sum over the session's files."""

    filesUploaded: Count
    totalBytesUploaded: Count


ReviewContext = TypedDict("ReviewContext", {"@odata.type": str, "reviewDefinitionId": Guid, "reviewInstanceId": Guid})
"""The review instance in v1.0, and in the beta of 2026."""

FoundingReviewContext = TypedDict(
    "FoundingReviewContext", {"@odata.type": str, "accessReviewId": Guid, "accessReviewInstanceId": Guid}
)
"""The same in the beta of October 2025."""


class Delivery(TypedDict):
    """How far the delivery of a session to a target has come; ``lastError`` is a sentence for people."""

    target: str
    state: str
    attempts: Count
    lastError: str | None
    nextAttemptDateTime: Instant | None
    upstreamId: str | None


class DeliveryEntity(Entity, Delivery):
    """A delivery as a response of its own."""


Session = TypedDict(
    "Session",
    {
        "@odata.type": NotRequired[str],
        "@odata.etag": str,
        "id": NotRequired[Guid],
        "createdDateTime": NotRequired[Instant],
        "status": NotRequired[str],
        "isUploadDone": NotRequired[bool],
        "referenceId": NotRequired[Guid],
        "expirationDateTime": NotRequired[Instant | None],
        "source": NotRequired[str | None],
        "type": NotRequired[str | None],
        "data": NotRequired[ReviewContext | FoundingReviewContext],
        "stats": NotRequired[Stats],
        "files@odata.count": NotRequired[Count],
        "files": NotRequired[list[File]],
        "@uploads.delivery": NotRequired[list[Delivery]],
    },
)
"""``customDataProvidedResourceUploadSession``."""


class Warning(TypedDict):  # noqa: A001  # its name on the wire
    """A remark on a file that does not refuse it. The target is a line and a column."""

    code: str
    message: str
    target: str


Warnings = TypedDict(
    "Warnings",
    {
        "@uploads.warningCount": NotRequired[Count],
        "@uploads.duplicatesChecked": NotRequired[bool],
        "@uploads.warnings": NotRequired[list[Warning]],
    },
)


class SessionEntity(Entity, Session):
    """A response with one session."""


class UploadedSession(Entity, Session, Warnings):
    """A session after a file was uploaded into it, with the warnings for that file."""


class SessionCollection(CountedCollection):
    """A page of sessions."""

    value: list[Session]


class FileEntity(Entity, File):
    """A response with one file."""


class FileCollection(CountedCollection):
    """A page of files."""

    value: list[File]


class RefusalCollection(Entity):
    """The open refusals of a session."""

    value: list[Refusal]


class CheckedFile(Warnings):
    """The result of a dry run of a valid file."""

    name: str
    size: Count
    sha256: Sha256
    layout: str
    rowCount: Count


class Grant(TypedDict):
    """A principal's role for a catalog, or for one resource of it."""

    catalogId: Guid
    resourceId: Guid | None
    principalId: Guid
    role: str


class GrantEntity(Entity, Grant):
    """A response with one grant."""


class GrantCollection(Collection):
    """A page of grants."""

    value: list[Grant]


class Upstream(TypedDict):
    """A resource at the target of forwarding."""

    catalogId: Guid
    resourceId: Guid


class Resource(TypedDict):
    """What people call a resource of a catalog, and what its files are expected to hold."""

    catalogId: Guid
    resourceId: Guid
    displayName: str | None
    description: str | None
    contact: str | None
    expectedLayout: str | None
    expectedRows: int | None
    upstream: Upstream | None


class ResourceEntity(Entity, Resource):
    """A resource's description as a response of its own."""


VisibleResource = TypedDict("VisibleResource", {"@uploads.role": str | None})


class ListedResource(Resource, VisibleResource):
    """A resource that the caller may see, and the role that a grant gives there; null for a tenant-wide permission."""


CallerPermission = TypedDict("CallerPermission", {"@uploads.permission": str | None})


class ResourceCollection(Collection, CallerPermission):
    """A page of resources, and what the caller may do in the whole tenant: readWrite, read, or null."""

    value: list[ListedResource]


class AuditRecord(TypedDict):
    """One change and who made it; ids are null where there is none, as for the service's timer."""

    id: Guid
    activityDateTime: Instant
    activity: str
    result: str
    tenantId: Guid | None
    objectId: Guid | None
    appId: Guid | None
    requestId: Guid | None
    catalogId: Guid
    resourceId: Guid | None
    sessionId: Guid | None
    details: dict[str, str | int | None]


class AuditCollection(Collection):
    """A page of audit records."""

    value: list[AuditRecord]


class Detail(TypedDict):
    """One of several errors, and its place: a line and a column of a file, or a property of a body."""

    code: str
    message: str
    target: str


InnerError = TypedDict(
    "InnerError",
    {
        "code": str,
        "date": str,
        "request-id": Guid,
        "client-request-id": str,
        "findingCount": NotRequired[Count],
        "refusalCount": NotRequired[Count],
        "fileId": NotRequired[Guid],
        "uploadSessionId": NotRequired[Guid],
        "rowCount": NotRequired[Count],
        "lastRowCount": NotRequired[Count],
    },
)
"""The exact reason, and for some errors facts for programs, such as the number of findings."""


class Error(TypedDict):
    """An error: one of Graph's codes, and a message that says what to do."""

    code: str
    message: str
    target: NotRequired[str]
    details: NotRequired[list[Detail]]
    innerError: InnerError


class ErrorAnswer(TypedDict):
    """``odataError``."""

    error: Error
