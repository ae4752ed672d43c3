"""What may be asked of each kind of resource: the properties that query options may name, and how."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

Value = str | int | datetime
"""What a property is compared with: ``size`` is an ``int``, an instant an aware ``datetime``, all else a ``str``."""

Comparison = tuple[str, str, Value]
"""A property's name, an operator's word, and a value."""

Predicate = Callable[[Mapping[str, Any]], bool]
"""A filter at work: given an entity's values by their names on the wire, whether to keep it."""


class Kind(Enum):
    """What a property is compared with; the value is the wording for the caller who did otherwise."""

    TEXT = "text in single quotes, in which '' stands for a quote"
    GUID = "a GUID of 8-4-4-4-12 hexadecimal digits, in single quotes or bare"
    INTEGER = "a whole number, without quotes"
    INSTANT = "a date, or a date-time with its offset such as 2026-01-01T00:00:00Z, without quotes"


@dataclass(frozen=True, slots=True)
class FieldType:
    """How a property may be filtered: its kind, the operators it knows, and its only values if they are few."""

    kind: Kind
    operators: tuple[str, ...]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What may be asked of one kind of resource, with an example of a filter."""

    example: str
    filterable: Mapping[str, FieldType]
    orderable: tuple[str, ...]
    selectable: tuple[str, ...]
    expandable: Mapping[str, "Capabilities"] = field(default_factory=dict)


ORDERED = ("eq", "ne", "gt", "ge", "lt", "le")

FILE = Capabilities(
    example="size gt 1000",
    filterable={
        "name": FieldType(Kind.TEXT, ("eq", "ne")),
        "size": FieldType(Kind.INTEGER, ORDERED),
        "uploadedDateTime": FieldType(Kind.INSTANT, ORDERED),
    },
    orderable=("uploadedDateTime", "name", "size"),
    selectable=("id", "name", "size", "uploadedDateTime"),
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
    orderable=(),
    selectable=(),
)
