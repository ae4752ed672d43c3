"""The header fields of requests and responses in the OpenAPI document: what each holds, and which response has it."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.web.contracts import Contract

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}

# RFC 9110, section 8.8.3, in ASCII.
_ETAG = r'(W/)?"[!#-~]*"'
_ETAGS: Json = {"type": "string", "pattern": rf"^(\*|{_ETAG}(, *{_ETAG})*)$"}

_REQUEST_FIELDS: Mapping[str, tuple[Json, str]] = {
    "client-request-id": (
        _TEXT,
        "An id that the caller chooses. The response repeats it, if it has 1 to 128 printable ASCII characters.",
    ),
    "If-Match": (
        _ETAGS,
        "ETags, or *. The request fails with 412 unless what it addresses has one of these ETags.",
    ),
    "If-None-Match": (
        _ETAGS,
        "ETags, or *. If what the request addresses has one of them, GET is answered with 304, a change with 412.",
    ),
    "Range": (
        _TEXT,
        "One range of bytes, with which a download continues. Several ranges are ignored.",
    ),
    "If-Range": (
        _TEXT,
        "An ETag. If the file has another one, Range is ignored.",
    ),
    "Content-Encoding": (
        _TEXT,
        "The coding of the body. Limits, size and digest are those of the decoded file.",
    ),
    "Prefer": (
        _TEXT,
        "Comma-separated preferences (RFC 7240), of which the operation knows: {preferences}. Others are ignored.",
    ),
}

RESPONSE_FIELDS: Mapping[str, tuple[Json, str]] = {
    "request-id": ({"type": "string", "format": "uuid"}, "The id of the request, under which the log has it."),
    "client-request-id": (_TEXT, "The id that the caller sent, or else the request-id."),
    "Cache-Control": (_TEXT, "Whether the response may be stored."),
    "X-Content-Type-Options": ({"type": "string", "enum": ["nosniff"]}, "The content is what its type says."),
    "ETag": ({"type": "string", "pattern": f"^{_ETAG}$"}, "The state, for If-Match and If-None-Match."),
    "Accept-Ranges": ({"type": "string", "enum": ["bytes"]}, "That the operation supports Range."),
    "Content-Range": (_TEXT, "The range, and the size of the file (RFC 9110, section 14.4)."),
    "Location": ({"type": "string", "format": "uri"}, "The URL of what was created."),
    "Content-Disposition": (_TEXT, "The name of the file (RFC 6266)."),
    "Preference-Applied": (_TEXT, "The preferences of the request that were applied (RFC 7240)."),
    "WWW-Authenticate": (
        {"type": "string", "pattern": "^Bearer"},
        "What a token must have to be accepted (RFC 6750). With it, 401 names the scope to request.",
    ),
    "Retry-After": ({"type": "integer", "minimum": 1}, "The number of seconds to wait before the request is repeated."),
    "Allow": (_TEXT, "The methods that the path supports, in a response with status 405."),
    "Accept-Encoding": (_TEXT, "The codings of a body that the operation supports, in a response with status 415."),
}

_ALWAYS = ("request-id", "client-request-id", "Cache-Control", "X-Content-Type-Options")


def components() -> Json:
    """The fields of responses, to which the others refer."""
    return {
        name: {"schema": schema, "description": description} for name, (schema, description) in RESPONSE_FIELDS.items()
    }


def of_response(required: Iterable[str] = (), optional: Iterable[str] = ()) -> Json:
    """The fields of a response, in addition to those that every response has."""
    names = {**dict.fromkeys((*_ALWAYS, *required), True), **dict.fromkeys(optional, False)}
    fields = components()
    return {name: fields[name] | {"required": True} if needed else _reference(name) for name, needed in names.items()}


def of_success(contract: Contract, *more: str) -> Json:
    """The fields of an operation's successful response, and ``more``."""
    etag = ("ETag",) if contract.has_etag else ()
    ranges = ("Accept-Ranges",) if contract.ranges else ()
    preferences = ("Preference-Applied",) if contract.preferences else ()
    return of_response((*contract.headers, *etag, *ranges, *more), preferences)


def parameters(contract: Contract, *, reads: bool) -> list[Json]:
    """The fields of an operation's request."""
    names = ["client-request-id"]
    names += ["If-Match", "If-None-Match"] if contract.conditional or reads else []
    names += ["Range", "If-Range"] if contract.ranges else []
    names += ["Content-Encoding"] if contract.content_codings else []
    names += ["Prefer"] if contract.preferences else []
    found = []
    for name in names:
        schema, description = _REQUEST_FIELDS[name]
        if name == "Content-Encoding":
            schema = schema | {"enum": list(contract.content_codings)}
        description = description.format(preferences=", ".join(contract.preferences))
        found.append({"name": name, "in": "header", "schema": schema, "description": description})
    return found


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}
