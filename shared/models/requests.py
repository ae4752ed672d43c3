"""The request bodies in both dialects, and their validation.

Names are Graph's: ``customDataProvidedResourceUploadSession`` and related types, in the beta of October 2025 and in the
v1.0 of 2026.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from shared.core.errors import INVALID_REQUEST, NOT_UPDATEABLE, Detail, GraphError
from shared.core.ids import parse_guid
from shared.domain.callers import Role
from shared.domain.deliveries import Target
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey, Review
from shared.models.dialects import Dialect

SCHEMAS = "#/components/schemas/{model}"
"""The reference to a schema within an OpenAPI document."""


class RequestBody(NamedTuple):
    """A request body: its media type, and its JSON schema by dialect."""

    media_type: str
    schema: Callable[[Dialect], dict[str, Any]]


def _guid(text: str) -> str:
    guid = parse_guid(text)
    if guid is None:
        raise ValueError("must be a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11")
    return guid


def _hash_prefixed(value: object) -> object:
    """OData 4.01 allows a type name with and without the leading number sign."""
    return f"#{value}" if isinstance(value, str) and value.startswith("microsoft.graph.") else value


Guid = Annotated[str, AfterValidator(_guid), WithJsonSchema({"type": "string", "format": "uuid"})]


def _json_body(adapter: Callable[[Dialect], TypeAdapter[Any]]) -> RequestBody:
    return RequestBody("application/json", lambda dialect: adapter(dialect).json_schema(ref_template=SCHEMAS))


Model = TypeVar("Model", bound=BaseModel)


class _Body(BaseModel):
    """A JSON object of a request: unknown properties are errors, OData annotations are ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_annotations(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: item for name, item in value.items() if "@odata." not in name or name == "@odata.type"}


class ReviewData(_Body):
    """``accessReviewContextData``: the review instance that data is collected for."""

    odata_type: Annotated[
        Literal["#microsoft.graph.customDataProvidedResourcePayloads.accessReviewContextData"] | None,
        BeforeValidator(_hash_prefixed),
    ] = Field(None, alias="@odata.type")
    reviewDefinitionId: Guid
    reviewInstanceId: Guid


class CreateSession(_Body):
    """The body of create in v1.0, and in the beta of 2026."""

    odata_type: Annotated[
        Literal["#microsoft.graph.customDataProvidedResourceAccessReviewUploadSession"] | None,
        BeforeValidator(_hash_prefixed),
    ] = Field(None, alias="@odata.type")
    data: ReviewData

    def review(self) -> Review:
        """The review instance that the session collects data for."""
        return Review(self.data.reviewDefinitionId, self.data.reviewInstanceId)


class FoundingReviewData(_Body):
    """``data`` of the founding dialect; Microsoft's Logic App template names its type ``accessReviewInstance``."""

    odata_type: Annotated[
        Literal[
            "#microsoft.graph.accessReviewResourceDataUploadSessionContextData", "#microsoft.graph.accessReviewInstance"
        ]
        | None,
        BeforeValidator(_hash_prefixed),
    ] = Field(None, alias="@odata.type")
    accessReviewId: Guid
    accessReviewInstanceId: Guid


class CreateFoundingSession(_Body):
    """The body of create in the founding dialect, the beta of October 2025."""

    odata_type: str | None = Field(None, alias="@odata.type")
    source: Annotated[str, Field(min_length=1, max_length=256)]
    type: Literal[
        "#microsoft.graph.accessReviewDataUploadTriggerCallbackData", "accessReviewDataUploadTriggerCallbackData"
    ]
    data: FoundingReviewData

    def review(self) -> Review:
        """The review instance that the session collects data for."""
        return Review(
            definition_id=self.data.accessReviewId,
            instance_id=self.data.accessReviewInstanceId,
            source=self.source,
            type=self.type,
            data_type=self.data.odata_type,
        )


def _body_dialect(body: Any) -> str:
    """Beta accepts both bodies: only the founding one has ``source`` and ``type``."""
    founding = isinstance(body, dict) and ("source" in body or "type" in body)
    return "founding" if founding else "current"


_CREATE: dict[Dialect, TypeAdapter[CreateSession | CreateFoundingSession]] = {
    Dialect.V1: TypeAdapter(CreateSession),
    Dialect.BETA: TypeAdapter(
        Annotated[
            Annotated[CreateSession, Tag("current")] | Annotated[CreateFoundingSession, Tag("founding")],
            Discriminator(_body_dialect),
        ]
    ),
}


CREATE_BODY = _json_body(lambda dialect: _CREATE[dialect])


def parse_create(body: bytes, dialect: Dialect) -> Review:
    """Parse the body of a create.

    Raises:
        GraphError: 400, with a detail for each error.
    """
    try:
        return _CREATE[dialect].validate_json(body).review()
    except ValidationError as error:
        raise _invalid_body(error) from None


class UpdateSession(_Body):
    """The body of the only supported update, for the OpenAPI document; ``parse_update`` gives more exact errors."""

    isUploadDone: Literal[True]


UPDATE_BODY = _json_body(lambda _: TypeAdapter(UpdateSession))


def parse_update(body: bytes) -> None:
    """Check that a PATCH body is ``{"isUploadDone": true}``, the only supported update.

    Raises:
        GraphError: 400; ``propertyNotUpdateable`` for any other property, or for ``false``.
    """
    try:
        update = _JSON_OBJECT.validate_json(body)
    except ValidationError as error:
        raise _invalid_body(error) from None
    properties = {name: value for name, value in update.items() if "@odata." not in name}
    others = sorted(properties.keys() - {"isUploadDone"})[:_MAX_ERRORS_LISTED]
    if others:
        raise GraphError(
            NOT_UPDATEABLE,
            f"{', '.join(repr(name[:100]) for name in others)} cannot be updated. Only 'isUploadDone' can be, to true.",
            target=others[0][:100],
        )
    done = properties.get("isUploadDone")
    if done is False:
        raise GraphError(
            NOT_UPDATEABLE,
            "'isUploadDone' can only be updated to true. A complete session cannot be reopened.",
            target="isUploadDone",
        )
    if done is not True:
        raise GraphError(
            INVALID_REQUEST, 'The body must be {"isUploadDone": true}, with a JSON boolean.', target="isUploadDone"
        )


class PutGrant(_Body):
    """The body of a grant; the path has the rest."""

    role: Annotated[Role, Strict(False)]


GRANT_BODY = _json_body(lambda _: TypeAdapter(PutGrant))


def parse_grant(body: bytes) -> Role:
    """Parse the body of a grant.

    Raises:
        GraphError: 400, with a detail for each error.
    """
    return _parsed(PutGrant, body).role


_JSON_OBJECT = TypeAdapter(dict[str, Any])

# Errors of a body that are listed: more than there are properties. Without a limit an answer could be ten times as long
# as the body.
_MAX_ERRORS_LISTED = 20


def _parsed(model: type[Model], body: bytes) -> Model:
    """A body as its model; 400 with a detail for each error."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _invalid_body(error) from None


def _invalid_body(error: ValidationError) -> GraphError:
    """The error for an invalid body, with a detail for each error. It does not repeat values of the body."""
    details = []
    for found in error.errors(include_url=False, include_context=False, include_input=False)[:_MAX_ERRORS_LISTED]:
        path = ".".join(str(part) for part in found["loc"] if part not in ("founding", "current"))
        code = "unknownProperty" if found["type"] == "extra_forbidden" else "invalidValue"
        message = {
            "extra_forbidden": "This property is not supported.",
            "missing": "This property is required.",
        }.get(found["type"], found["msg"].removeprefix("Value error, "))
        details.append(Detail(code, message, path[:200] or "body"))
    first = details[0]
    return GraphError(
        INVALID_REQUEST,
        f"The body is not valid. {first.target}: {first.message}",
        target=first.target,
        details=details,
    )


class PutUpstream(_Body):
    """The ids of a resource at the target of forwarding."""

    catalogId: Guid
    resourceId: Guid


class PutResource(_Body):
    """The body that describes a resource: what people call it, and what its files are expected to hold."""

    displayName: Annotated[str, Field(min_length=1, max_length=256)]
    description: Annotated[str, Field(max_length=1024)] | None = None
    contact: Annotated[str, Field(max_length=256)] | None = None
    expectedLayout: Literal["graph", "early", "extended"] | None = None
    expectedRows: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    upstream: PutUpstream | None = None


RESOURCE_BODY = _json_body(lambda _: TypeAdapter(PutResource))


def parse_resource(body: bytes) -> ResourceDescription:
    """What a body says of a resource.

    Raises:
        GraphError: 400, with a detail for each fault.
    """
    given = _parsed(PutResource, body)
    upstream = given.upstream
    return ResourceDescription(
        given.displayName,
        given.description,
        given.contact,
        given.expectedLayout,
        given.expectedRows,
        None if upstream is None else ResourceKey(upstream.catalogId, upstream.resourceId),
    )


class Redeliver(_Body):
    """The body that asks for another attempt of a delivery."""

    target: Annotated[Target, Strict(False)]


REDELIVER_BODY = _json_body(lambda _: TypeAdapter(Redeliver))


def parse_redeliver(body: bytes) -> Target:
    """The target to which a session is to be delivered again.

    Raises:
        GraphError: 400, with a detail for each fault.
    """
    return _parsed(Redeliver, body).target
