"""The response bodies, as types: the code is checked against them, and the OpenAPI document is generated from them.

Names are Graph's. A property that ``$select`` may omit is not required.
"""

from collections.abc import Iterable
from typing import Annotated, NotRequired

from pydantic import Field
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from shared.access_data.layouts import LAYOUTS
from shared.core import errors
from shared.domain.audit import Activity, Outcome
from shared.domain.callers import Right, Role
from shared.domain.deliveries import DeliveryState, Target
from shared.query.capabilities import SESSION


def _one_of(words: Iterable[str]) -> FieldInfo:
    """The words that a text on the wire can be."""
    field: FieldInfo = Field(json_schema_extra={"enum": list(words)})
    return field


Guid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
LayoutName = Annotated[str, _one_of(layout.name for layout in LAYOUTS)]
GrantedRole = Annotated[str, _one_of(Role)]
TargetName = Annotated[str, _one_of(Target)]
Status = Annotated[str, _one_of(SESSION.filterable["status"].values)]
GraphCode = Annotated[
    str, _one_of(sorted({each.code for each in vars(errors).values() if isinstance(each, errors.Problem)}))
]

Entity = TypedDict("Entity", {"@odata.context": str})
Collection = TypedDict("Collection", {"@odata.context": str, "@odata.nextLink": NotRequired[str]})
CountedCollection = TypedDict(
    "CountedCollection",
    {"@odata.context": str, "@odata.nextLink": NotRequired[str], "@odata.count": NotRequired[Count]},
)


class UsedDirectory(TypedDict):
    """The snapshot of the directory that accounts were matched with."""

    sha256: Sha256
    uploadedDateTime: Instant


class Rows(TypedDict):
    """The rows that are stored beside a file that is not in Graph's form.

    Rows are counted by what has matched their accounts: an attribute, accounts (exceptions), or objectId.
    """

    layout: LayoutName
    sha256: Sha256
    size: Count
    rowCount: Count
    steps: list[Annotated[str, _one_of(("decode", "separate", "columns", "principals"))]]
    matched: dict[str, Count]
    leftOut: Count
    directory: UsedDirectory | None


File = TypedDict(
    "File",
    {
        "id": Guid,
        "name": str,
        "size": Count,
        "uploadedDateTime": Instant,
        "@uploads.rowCount": Count,
        "@uploads.layout": LayoutName,
        "@uploads.sha256": Sha256,
        "@uploads.warningCount": Count,
        "@uploads.rows": Rows | None,
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

    target: TargetName
    state: Annotated[str, _one_of(DeliveryState)]
    attempts: Count
    lastError: str | None
    nextAttemptDateTime: Instant | None
    upstreamId: str | None


class CompletedBy(TypedDict):
    """The caller who completed a session; ids are null without authentication."""

    objectId: Guid | None
    appId: Guid | None


class Receipt(TypedDict):
    """What a session had when it was completed, the same at any time later.

    Numbers are null for a session that a version before 1.0 completed. ``files`` is there with ``$expand=files`` when
    the retention has removed the session's files.
    """

    completedDateTime: Instant
    completedBy: CompletedBy
    fileCount: Count | None
    rowCount: Count | None
    totalBytes: Count | None
    filesRemovedDateTime: Instant | None
    files: NotRequired[list[File]]


class DeliveryEntity(Entity, Delivery):
    """A delivery as a response of its own."""


Session = TypedDict(
    "Session",
    {
        "@odata.type": NotRequired[str],
        "@odata.etag": str,
        "id": NotRequired[Guid],
        "createdDateTime": NotRequired[Instant],
        "status": NotRequired[Status],
        "isUploadDone": NotRequired[bool],
        "referenceId": NotRequired[Guid],
        "expirationDateTime": NotRequired[Instant | None],
        "source": NotRequired[str | None],
        "type": NotRequired[str | None],
        "data": NotRequired[ReviewContext | FoundingReviewContext],
        "stats": NotRequired[Stats],
        "files@odata.count": NotRequired[Count],
        "files@odata.nextLink": NotRequired[str],
        "files": NotRequired[list[File]],
        "@uploads.delivery": NotRequired[list[Delivery]],
        "@uploads.receipt": NotRequired[Receipt],
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
    layout: LayoutName
    rowCount: Count


class TriedFile(CheckedFile):
    """The same without a session, with the names of the file's columns, and its first rows as they come out."""

    columns: list[str]
    firstRows: list[dict[str, str]]


Tagged = TypedDict("Tagged", {"@odata.etag": str | None})


class Grant(Tagged):
    """A principal's role for a catalog, or for one resource of it."""

    catalogId: Guid
    resourceId: Guid | None
    principalId: Guid
    role: GrantedRole
    mayDeclare: bool
    displayName: str | None


class GrantEntity(Entity, Grant):
    """A response with one grant."""


class GrantCollection(Collection):
    """A page of grants."""

    value: list[Grant]


class Upstream(TypedDict):
    """A resource at the target of forwarding."""

    catalogId: Guid
    resourceId: Guid


class PrincipalMatching(TypedDict):
    """By which columns of the directory accounts are matched with users, and which column keeps the account."""

    matchBy: list[str]
    accountIn: str | None


class Declared(TypedDict):
    """How files become rows: for columns of Graph's, a column of the file or a constant; and the rest of the steps."""

    columns: dict[str, str]
    constants: dict[str, str]
    ignoreOtherColumns: bool
    encoding: str | None
    principals: PrincipalMatching | None


class DeclaredEntity(Entity, Tagged, Declared):
    """What is declared for the files of a resource, as a response of its own."""


class Resource(Tagged):
    """What people call a resource of a catalog, and what its files are expected to hold."""

    catalogId: Guid
    resourceId: Guid
    displayName: str | None
    description: str | None
    contact: str | None
    expectedLayout: LayoutName | None
    expectedRows: Annotated[int, Field(ge=1)] | None
    upstream: Upstream | None


ImportOfResource = TypedDict("ImportOfResource", {"import": Declared | None})


CallerRight = TypedDict("CallerRight", {"@uploads.right": Annotated[str, _one_of(each.name.lower() for each in Right)]})


class ResourceEntity(Entity, Resource, ImportOfResource, CallerRight):
    """A resource's description as a response of its own, what is declared for its files, and what the caller may do."""


VisibleResource = TypedDict(
    "VisibleResource", {"@uploads.role": GrantedRole | None, "uploadSessions": NotRequired[list[Session]]}
)


class ListedResource(Resource, VisibleResource):
    """A resource that the caller may see, and the role that a grant gives there; null for a tenant-wide permission.

    ``uploadSessions`` are those that wait for files, by deadline, and the last complete one, if they are asked for.
    """


CallerPermission = TypedDict(
    "CallerPermission", {"@uploads.permission": Annotated[str, _one_of(("readWrite", "read"))] | None}
)


class ResourceCollection(Collection, CallerPermission):
    """A page of resources, and what the caller may do in the whole tenant: readWrite, read, or null."""

    value: list[ListedResource]


class Accounts(Tagged):
    """The number of accounts in the list of a resource."""

    catalogId: Guid
    resourceId: Guid
    accountCount: Count


class AccountsEntity(Entity, Accounts):
    """What was stored of a list of accounts."""


class DirectoryAttribute(TypedDict):
    """A column of the directory, and how many users have a value there; ``shared``: one that another user has, too."""

    name: str
    users: Count
    shared: Count


class Directory(Tagged):
    """What the directory has: counts, and nothing of a person."""

    uploadedDateTime: Instant
    uploadedBy: Guid | None
    sha256: Sha256
    users: Count
    attributes: list[DirectoryAttribute]


class DirectoryEntity(Entity, Directory):
    """A response with the directory."""


class AuditRecord(TypedDict):
    """One change and who made it; ids are null where there is none, as for the service's timer."""

    id: Guid
    activityDateTime: Instant
    activity: Annotated[str, _one_of(Activity)]
    result: Annotated[str, _one_of(Outcome)]
    tenantId: Guid | None
    objectId: Guid | None
    appId: Guid | None
    requestId: Guid | None
    catalogId: Guid | None
    resourceId: Guid | None
    sessionId: Guid | None
    details: dict[str, str | int | bool | None]


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
        "refusalId": NotRequired[Guid],
        "uploadSessionId": NotRequired[Guid],
        "columns": NotRequired[list[str]],
        "rowCount": NotRequired[Count],
        "lastRowCount": NotRequired[Count],
    },
)
"""The exact reason, and for some errors facts for programs, such as the number of findings."""


class Error(TypedDict):
    """An error: one of Graph's codes, and a message that says what to do."""

    code: GraphCode
    message: str
    target: NotRequired[str]
    details: NotRequired[list[Detail]]
    innerError: InnerError


class ErrorAnswer(TypedDict):
    """``odataError``."""

    error: Error
