"""The properties that query options can name, for each kind of entity."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

Value = str | int | datetime
"""A value in a comparison: an ``int``, a timezone-aware ``datetime``, or a ``str``."""

Comparison = tuple[str, str, Value]
"""The name of a property, an operator such as ``eq``, and a value."""

Predicate = Callable[[Mapping[str, Any]], bool]
"""A compiled filter: whether an entity matches, given its values by property name."""


class Kind(Enum):
    """The type of a property in a filter; the value describes it in error messages."""

    TEXT = "text in single quotes (write a quote inside the text as '')"
    GUID = "a GUID of 8-4-4-4-12 hexadecimal digits, with or without single quotes"
    INTEGER = "a whole number without quotes"
    INSTANT = "a date, or a date-time with an offset such as 2026-01-01T00:00:00Z, without quotes"


class FieldType(NamedTuple):
    """How a property can be filtered: its type, the supported operators, and the possible values if limited."""

    kind: Kind
    operators: tuple[str, ...]
    values: tuple[str, ...] = ()


class Capabilities(NamedTuple):
    """The properties that query options can name for one kind of entity, and an example of a filter."""

    example: str
    filterable: Mapping[str, FieldType]
    orderable: tuple[str, ...]
    selectable: tuple[str, ...]
    expandable: Mapping[str, "Capabilities"] = MappingProxyType({})


ORDERED = ("eq", "ne", "gt", "ge", "lt", "le")

FILE = Capabilities(
    example="size gt 1000",
    filterable={
        "name": FieldType(Kind.TEXT, ("eq", "ne")),
        "size": FieldType(Kind.INTEGER, ORDERED),
        "uploadedDateTime": FieldType(Kind.INSTANT, ORDERED),
    },
    orderable=("uploadedDateTime", "name", "size"),
    selectable=(
        *("id", "name", "size", "uploadedDateTime"),
        *("@uploads.rowCount", "@uploads.layout", "@uploads.sha256", "@uploads.warningCount"),
        "@uploads.rows",
    ),
)

SESSION = Capabilities(
    example="status eq 'active'",
    filterable={
        "status": FieldType(Kind.TEXT, ("eq",), ("active", "complete", "expired", "unknownFutureValue")),
        "referenceId": FieldType(Kind.GUID, ("eq",)),
    },
    orderable=("createdDateTime",),
    selectable=(
        *("id", "createdDateTime", "status", "isUploadDone", "referenceId", "source", "type"),
        *("data", "stats", "files", "expirationDateTime"),
    ),
    expandable={"files": FILE},
)

RESOURCE = Capabilities(
    example="",
    filterable={},
    orderable=(),
    selectable=(),
    expandable={"uploadSessions": Capabilities(example="", filterable={}, orderable=(), selectable=())},
)

AUDIT_RECORD = Capabilities(
    example="activityDateTime ge 2026-11-01T00:00:00Z and activity eq 'uploadFile'",
    filterable={
        "activityDateTime": FieldType(Kind.INSTANT, ORDERED),
        "activity": FieldType(Kind.TEXT, ("eq", "ne")),
        "result": FieldType(Kind.TEXT, ("eq",), ("success", "refused")),
        "objectId": FieldType(Kind.GUID, ("eq", "ne")),
        "appId": FieldType(Kind.GUID, ("eq", "ne")),
        "requestId": FieldType(Kind.GUID, ("eq",)),
        "catalogId": FieldType(Kind.GUID, ("eq",)),
        "resourceId": FieldType(Kind.GUID, ("eq",)),
        "sessionId": FieldType(Kind.GUID, ("eq",)),
    },
    orderable=("activityDateTime",),
    selectable=(),
)
