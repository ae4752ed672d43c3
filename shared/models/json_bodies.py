"""What is common to all JSON bodies of requests: how they are validated, and what is said of one that is not JSON."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from shared.core.errors import INVALID_REQUEST, Detail, GraphError

# Errors of a body that are listed: more than there are properties. Without a limit an answer could be ten times as long
# as the body.
MAX_ERRORS_LISTED = 20

# A program may ignore it (RFC 8259, section 8.1). Editors and PowerShell 5.1 write it.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

T = TypeVar("T")


def parsed(validate: Callable[[bytes], T], body: bytes) -> T:
    """What a validator makes of a body; 400 with a detail for each error."""
    body = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return validate(body)
    except ValidationError as error:
        raise _invalid_body(error, body) from None


def _invalid_body(error: ValidationError, body: bytes) -> GraphError:
    """The error for an invalid body, with a detail for each error. It does not repeat values of a JSON body."""
    details = []
    for found in error.errors(include_url=False, include_context=False, include_input=False)[:MAX_ERRORS_LISTED]:
        path = ".".join(str(part) for part in found["loc"] if part not in ("founding", "current"))
        code = "unknownProperty" if found["type"] == "extra_forbidden" else "invalidValue"
        message = {
            "extra_forbidden": "This property is not supported.",
            "missing": "This property is required.",
            "json_invalid": _not_json(body) or found["msg"],
        }.get(found["type"], found["msg"].removeprefix("Value error, "))
        details.append(Detail(code, message, path[:200] or "body"))
    return invalid(details)


def invalid(details: Sequence[Detail]) -> GraphError:
    """The error for an invalid body, with these details, of which there is one at least."""
    first = details[0]
    return GraphError(
        INVALID_REQUEST,
        f"The body is not valid. {first.target}: {first.message}",
        target=first.target,
        details=details,
    )


# What is sent instead of JSON: how it is recognized, and what to do.
_INSTEAD_OF_JSON = (
    (rb"\s*\Z", "It is empty, and must be a JSON object."),
    (
        rb"\xff\xfe|\xfe\xff|[^\0]{0,3}\0",
        "It is UTF-16, and JSON must be UTF-8 (RFC 8259, section 8.1). Save the file as UTF-8.",
    ),
    (
        rb"\s*[\w.%+-]+=|System\.Collections\.",
        "It is form-encoded, as PowerShell sends a hashtable. Send JSON: -Body ($body | ConvertTo-Json).",
    ),
    (
        rb"\s*'",
        (
            "It begins with a single quote, which cmd of Windows does not remove. Send the JSON from a file, with curl "
            "--data-binary @body.json."
        ),
    ),
    (
        rb"\s*\{\s*[\w']",
        (
            "Names must be in double quotes, which a shell may have removed. Send the JSON from a file, with curl "
            "--data-binary @body.json."
        ),
    ),
    (rb'.*?":\s*(?:True|False|None|\$\w+)\b', "JSON has true, false and null in lower case."),
)


def _not_json(body: bytes) -> str | None:
    """What a body is that is not JSON, and what to do; ``None`` if it is JSON with an error somewhere."""
    for pattern, advice in _INSTEAD_OF_JSON:
        if re.match(pattern, body, re.DOTALL):
            return advice
    try:
        body.decode()
    except UnicodeDecodeError:
        return (
            "It is not UTF-8 (RFC 8259, section 8.1). Send it as UTF-8: in PowerShell with "
            "-ContentType 'application/json; charset=utf-8'."
        )
    return None
