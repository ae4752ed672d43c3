"""The shapes of answers, as types: what builds an answer is held to them by the type checker, and the OpenAPI document
is made of them. Names are Graph's.

A property that ``$select`` may leave out is not required.
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


class File(TypedDict, total=False):
    """``customDataProvidedResourceFile``."""

    id: Guid
    name: str
    size: Count
    uploadedDateTime: Instant


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
    },
)
"""``customDataProvidedResourceUploadSession``."""


class Warning(TypedDict):  # noqa: A001  # what it is on the wire
    """Something in a file that is worth a look, and refuses nothing. The target is a line and a column."""

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
    """A session as an answer of its own."""


class UploadedSession(Entity, Session, Warnings):
    """A session after a file was uploaded into it, and what is worth a look in that file."""


class SessionCollection(CountedCollection):
    """A page of sessions."""

    value: list[Session]


class FileEntity(Entity, File):
    """A file as an answer of its own."""


class FileCollection(CountedCollection):
    """A page of files."""

    value: list[File]


class CheckedFile(Warnings):
    """What a dry run has to say of a good file."""

    name: str
    size: Count
    sha256: Sha256
    layout: str
    rowCount: Count


class Grant(TypedDict):
    """Who may reach a catalog, or one resource of it."""

    catalogId: Guid
    resourceId: Guid | None
    principalId: Guid
    role: str


class GrantEntity(Entity, Grant):
    """A grant as an answer of its own."""


class GrantCollection(Collection):
    """A page of grants."""

    value: list[Grant]


class AuditRecord(TypedDict):
    """Who changed what; ids are null where there is none, as of the service's own timer."""

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
    """One of several faults, and its place: a line and a column of a file, or a property of a body."""

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
        "fileId": NotRequired[Guid],
        "uploadSessionId": NotRequired[Guid],
    },
)
"""The exact reason, and for some of them what a program can use: how many findings, or what stands in the way."""


class Error(TypedDict):
    """What every error says: a code of Graph's, and a sentence on what to do."""

    code: str
    message: str
    target: NotRequired[str]
    details: NotRequired[list[Detail]]
    innerError: InnerError


class ErrorAnswer(TypedDict):
    """``odataError``."""

    error: Error
