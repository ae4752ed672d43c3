"""What the bodies of requests are made of: media types and schemas, JSON objects, and the texts in these."""

import re
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema, model_validator

from shared.core.ids import parse_guid
from shared.core.text import is_readable
from shared.models.dialects import Dialect

SCHEMAS = "#/components/schemas/{model}"
"""The reference to a schema within an OpenAPI document."""


class RequestBody(NamedTuple):
    """A request body: its media type, its JSON schema by dialect, and what may be sent instead."""

    media_type: str
    schema: Callable[[Dialect], dict[str, Any]]
    also: "RequestBody | None" = None

    @property
    def kinds(self) -> "tuple[RequestBody, ...]":
        """This one, and what may be sent instead."""
        return (self, *(self.also.kinds if self.also else ()))


def json_body(adapter: Callable[[Dialect], TypeAdapter[Any]]) -> RequestBody:
    """A body of JSON, with the type of it in each dialect."""
    return RequestBody("application/json", lambda dialect: adapter(dialect).json_schema(ref_template=SCHEMAS))


def _guid(text: str) -> str:
    guid = parse_guid(text)
    if guid is None:
        raise ValueError("must be a GUID such as 8f3c1a52-94de-4f0b-9c2f-0d6a5b1e7c11")
    return guid


def _readable(text: str) -> str:
    # A description may have several lines.
    if text and not is_readable(re.sub(r"[\r\n\t]", " ", text)):
        raise ValueError("must be text that people can read: without control characters, and not only white space")
    return text


PlainText = Annotated[
    str, AfterValidator(_readable), Field(description="Text that people can read, without control characters.")
]
Guid = Annotated[str, AfterValidator(_guid), WithJsonSchema({"type": "string", "format": "uuid"})]


class Body(BaseModel):
    """A JSON object of a request: unknown properties are errors, OData annotations are ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"patternProperties": {"@": {}}})

    @model_validator(mode="before")
    @classmethod
    def _without_annotations(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: item for name, item in value.items() if not is_annotation(name) or name == "@odata.type"}


def is_annotation(name: str) -> bool:
    """Whether a name in a JSON object is that of an annotation (OData JSON Format 4.01, section 20.2)."""
    return "@" in name
