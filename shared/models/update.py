"""The body of an update: the one property that can be changed, and the others, which may have their present values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal

from pydantic import TypeAdapter

from shared.core.errors import INVALID_REQUEST, NOT_UPDATEABLE, GraphError
from shared.models import responses
from shared.models.bodies import SCHEMAS, Body, RequestBody, is_annotation
from shared.models.dialects import Dialect
from shared.models.json_bodies import MAX_ERRORS_LISTED, parsed

_READ_ONLY = {name for name in responses.Session.__annotations__ if not is_annotation(name)} - {"isUploadDone"}

_JSON_OBJECT = TypeAdapter(dict[str, Any])


class UpdateSession(Body):
    """The body of the only supported update."""

    isUploadDone: Literal[True]


def _update_schema(_: Dialect) -> dict[str, Any]:
    """The schema of ``UpdateSession``, with the properties that it may repeat."""
    session = TypeAdapter(responses.Session).json_schema(ref_template=SCHEMAS)
    schema = TypeAdapter(UpdateSession).json_schema(ref_template=SCHEMAS)
    for name in sorted(_READ_ONLY):
        schema["properties"][name] = session["properties"][name] | {"readOnly": True}
    return schema | {"$defs": session["$defs"]}


# A merge patch (RFC 7396) of properties that are no objects is what OData's PATCH is.
_MERGE_PATCH = RequestBody("application/merge-patch+json", _update_schema)
UPDATE_BODY = RequestBody("application/json", _update_schema, also=_MERGE_PATCH)


def parse_update(body: bytes) -> dict[str, Any]:
    """The read-only properties in a PATCH body that is otherwise ``{"isUploadDone": true}``, the only supported update.

    Raises:
        GraphError: 400; ``propertyNotUpdateable`` for any other property, or for ``false``.
    """
    update = parsed(_JSON_OBJECT.validate_json, body)
    properties = {name: value for name, value in update.items() if not is_annotation(name)}
    supported = _READ_ONLY | {"isUploadDone"} if "isUploadDone" in properties else set()
    others = sorted(properties.keys() - supported)[:MAX_ERRORS_LISTED]
    if others:
        raise _not_updateable(others, f"{', '.join(repr(name[:100]) for name in others)} cannot be updated.")
    done = properties.pop("isUploadDone", None)
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
    return properties


def check_read_only(given: Mapping[str, Any], session: Mapping[str, Any]) -> None:
    """Check that read-only properties have their present values: they are ignored then (OData 4.01 part 1, 11.4.3).

    A repeated request may have those from before the completion.

    Raises:
        GraphError: 400 ``propertyNotUpdateable``.
    """
    changed = [
        name
        for name, value in given.items()
        if not (_is_present(name, value, session.get(name)) or (session["isUploadDone"] and _was_present(name, value)))
    ]
    if changed:
        raise _not_updateable(changed, f"The value of {', '.join(map(repr, changed))} is not the present one.")


def _was_present(name: str, given: Any) -> bool:
    """Whether a complete session may have had this value before its completion, which changes two properties."""
    return name == "expirationDateTime" or (name, given) == ("status", "active")


def _not_updateable(names: Sequence[str], reason: str) -> GraphError:
    return GraphError(NOT_UPDATEABLE, f"{reason} Only 'isUploadDone' can be updated, to true.", target=names[0][:100])


def _is_present(name: str, given: Any, present: Any) -> bool:
    """Whether a value in a request is the present one. Objects may be partial; ids and times may look different."""
    if isinstance(given, dict) and isinstance(present, dict):
        return all(_is_present(each, given[each], present.get(each)) for each in given if not is_annotation(each))
    if isinstance(given, list) and isinstance(present, list):
        return len(given) == len(present) and all(map(partial(_is_present, name), given, present))
    if isinstance(given, str) and isinstance(present, str):
        if name.endswith("DateTime"):
            return _instant(given) == _instant(present)
        return given.lower() == present.lower() if name.lower().endswith("id") else given == present
    return bool(given == present) and isinstance(given, bool) == isinstance(present, bool)


def _instant(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text
