"""The rules for one cell: what is wrong with its quotes or its content."""

import json
import re
from collections.abc import Collection

from shared.access_data.findings import shown
from shared.access_data.layouts import Column, Content
from shared.access_data.principals import PRINCIPAL
from shared.access_data.records import Cell

# What Table Storage, and most that reads such files, takes for a text.
MAX_CELL_CHARACTERS = 32 * 1024

# What a spreadsheet takes for a formula ("CSV Injection", OWASP).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

_PRINCIPAL = re.compile(PRINCIPAL)


def quote_fault(cell: Cell) -> tuple[str, str]:
    """The code and the message of what is wrong with a cell's quotes."""
    if cell.fault == "unclosedQuote":
        return cell.fault, "The cell begins with a quote that is never closed: all that follows became part of it."
    return (
        "strayQuote",
        "A quote stands where none may. A cell with quotes in it must stand in quotes, with each one doubled.",
    )


def content_fault(  # noqa: PLR0911  # a rule each
    column: Column, cell: Cell, text: str, principal_types: Collection[str]
) -> tuple[str, str] | None:
    """The code and the message of what is wrong with a cell's content."""
    if "\0" in text:
        return "nulByte", "The cell holds a NUL byte, which is not text."
    if not cell.quoted and "\r" in text:
        return (
            "loneCarriageReturn",
            "The cell holds a carriage return without a line feed. End lines with LF or CRLF.",
        )
    if len(text) > MAX_CELL_CHARACTERS:
        return "fieldTooLong", f"The cell has {len(text)} characters, and {MAX_CELL_CHARACTERS} is the limit."
    if not text.strip(" \t\r\n"):
        return ("missingValue", f"{column.name} is empty, and it is required.") if column.required else None
    if column.content is Content.PRINCIPAL and not _PRINCIPAL.fullmatch(text):
        return (
            "invalidPrincipalId",
            f"{shown(text)!r} is neither an object id (a GUID) nor a user principal name (name@domain).",
        )
    if column.content is Content.PRINCIPAL_TYPE and text.lower() not in {name.lower() for name in principal_types}:
        return (
            "unknownPrincipalType",
            f"{shown(text)!r} is not a principal type here. Possible: {', '.join(sorted(principal_types))}.",
        )
    if column.content is Content.OWNERS and not _is_json_strings(text):
        message = (
            f"{shown(text)!r} is not a JSON array of strings. In CSV its quotes are doubled: "
            '"[""a@contoso.com"",""b@contoso.com""]".'
        )
        return "invalidOwners", message
    return None


def _is_json_strings(text: str) -> bool:
    try:
        owners = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(owners, list) and all(isinstance(owner, str) for owner in owners)
