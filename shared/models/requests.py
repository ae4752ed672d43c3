"""The request bodies in both dialects, and their validation.

Names are Graph's: ``customDataProvidedResourceUploadSession`` and related types, in the beta of October 2025 and in the
v1.0 of 2026.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Strict,
    Tag,
    TypeAdapter,
    model_validator,
)

from shared.access_data.steps.declaration import (
    MAX_ATTRIBUTES,
    MAX_CONSTANT,
    MAX_NAME,
    Declaration,
    DeclarationError,
    parse_declaration,
)
from shared.core.errors import Detail
from shared.domain.callers import Grant, GrantKey, Role
from shared.domain.deliveries import Target
from shared.domain.resources import ResourceDescription
from shared.domain.sessions import ResourceKey, Review
from shared.models.bodies import Body, Guid, PlainText, json_body
from shared.models.dialects import Dialect
from shared.models.json_bodies import MAX_ERRORS_LISTED, invalid, parsed


def _hash_prefixed(value: object) -> object:
    """OData 4.01 allows a type name with and without the leading number sign."""
    return f"#{value}" if isinstance(value, str) and value.startswith("microsoft.graph.") else value


def _whole(value: object) -> object:
    """JSON has one type of number: 1.0 is an integer (JSON Schema, "integer")."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


DeclaredText = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class ReviewData(Body):
    """``accessReviewContextData``: the review instance that data is collected for."""

    odata_type: Annotated[
        Literal["#microsoft.graph.customDataProvidedResourcePayloads.accessReviewContextData"] | None,
        BeforeValidator(_hash_prefixed),
    ] = Field(None, alias="@odata.type")
    reviewDefinitionId: Guid
    reviewInstanceId: Guid


class CreateSession(Body):
    """The body of create in v1.0, and in the beta of 2026."""

    odata_type: Annotated[
        Literal["#microsoft.graph.customDataProvidedResourceAccessReviewUploadSession"] | None,
        BeforeValidator(_hash_prefixed),
    ] = Field(None, alias="@odata.type")
    data: ReviewData

    def review(self) -> Review:
        """The review instance that the session collects data for."""
        return Review(self.data.reviewDefinitionId, self.data.reviewInstanceId)


class FoundingReviewData(Body):
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


class CreateFoundingSession(Body):
    """The body of create in the founding dialect, the beta of October 2025."""

    odata_type: str | None = Field(None, alias="@odata.type")
    source: Annotated[PlainText, Field(min_length=1, max_length=256)]
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


CREATE_BODY = json_body(lambda dialect: _CREATE[dialect])


def parse_create(body: bytes, dialect: Dialect) -> Review:
    """Parse the body of a create.

    Raises:
        GraphError: 400, with a detail for each error.
    """
    return parsed(_CREATE[dialect].validate_json, body).review()


class PutGrant(Body):
    """The body of a grant; the path has the rest."""

    role: Annotated[Role, Strict(False)]
    mayDeclare: Annotated[bool, Field(description="Whether an owner may declare what its files are like.")] = False
    displayName: Annotated[PlainText, Field(max_length=256)] | None = None

    @model_validator(mode="after")
    def _declares_as_owner(self) -> "PutGrant":
        if self.mayDeclare and self.role is not Role.OWNER:
            raise ValueError("mayDeclare needs the role owner")
        return self


GRANT_BODY = json_body(lambda _: TypeAdapter(PutGrant))


def parse_grant(key: GrantKey, body: bytes) -> Grant:
    """Parse the body of a grant.

    Raises:
        GraphError: 400, with a detail for each error.
    """
    given = parsed(PutGrant.model_validate_json, body)
    return Grant(key, given.role, given.mayDeclare, given.displayName)


class PutUpstream(Body):
    """The ids of a resource at the target of forwarding."""

    catalogId: Guid
    resourceId: Guid


class PutResource(Body):
    """The body that describes a resource: what people call it, and what its files are expected to hold."""

    displayName: Annotated[PlainText, Field(min_length=1, max_length=256)]
    description: Annotated[PlainText, Field(max_length=1024)] | None = None
    contact: Annotated[PlainText, Field(max_length=256)] | None = None
    expectedLayout: Literal["graph", "early", "extended"] | None = None
    expectedRows: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=2**31 - 1)] | None = None
    upstream: PutUpstream | None = None


RESOURCE_BODY = json_body(lambda _: TypeAdapter(PutResource))


def parse_resource(body: bytes) -> ResourceDescription:
    """What a body says of a resource.

    Raises:
        GraphError: 400, with a detail for each fault.
    """
    given = parsed(PutResource.model_validate_json, body)
    upstream = given.upstream
    return ResourceDescription(
        given.displayName,
        given.description,
        given.contact,
        given.expectedLayout,
        given.expectedRows,
        None if upstream is None else ResourceKey(upstream.catalogId, upstream.resourceId),
    )


class PutPrincipals(Body):
    """How accounts are matched with users."""

    matchBy: Annotated[list[DeclaredText], Field(min_length=1, max_length=MAX_ATTRIBUTES)]
    accountIn: str | None = None


class PutImport(Body):
    """What is declared for the files of a resource. ``parse_declaration`` has the rules; this is for the document."""

    columns: dict[str, DeclaredText] = Field({})
    constants: dict[str, Annotated[str, Field(max_length=MAX_CONSTANT)]] = Field({})
    ignoreOtherColumns: bool = False
    encoding: Annotated[str, Field(examples=["windows-1252"])] | None = None
    principals: PutPrincipals | None = None


IMPORT_BODY = json_body(lambda _: TypeAdapter(PutImport))

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def parse_import(body: bytes, principal_types: Collection[str]) -> Declaration:
    """What a body declares for the files of a resource.

    Raises:
        GraphError: 400, with a detail for each fault.
    """
    try:
        return parse_declaration(parsed(_JSON.validate_json, body), principal_types)
    except DeclarationError as error:
        raise invalid(
            [
                Detail("unknownProperty" if fault.unknown else "invalidValue", fault.message, fault.target)
                for fault in error.faults[:MAX_ERRORS_LISTED]
            ]
        ) from None


class Redeliver(Body):
    """The body that asks for another attempt of a delivery."""

    target: Annotated[Target, Strict(False)]


REDELIVER_BODY = json_body(lambda _: TypeAdapter(Redeliver))


def parse_redeliver(body: bytes) -> Target:
    """The target to which a session is to be delivered again.

    Raises:
        GraphError: 400, with a detail for each fault.
    """
    return parsed(Redeliver.model_validate_json, body).target
