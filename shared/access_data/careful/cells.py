"""The rules for one cell: its quoting and its content."""

import json
import re
from collections.abc import Collection
from typing import NamedTuple

from ..codes import Code
from ..findings import shown
from ..layouts import Column, Content
from .blank import is_blank
from .encodings import encoded_twice
from .lost import is_no_value, lost, perhaps_lost
from .records import Cell
from .unseen import unseen, visible

# The limit of a string property in Table Storage, and of a cell in Excel (32,767).
MAX_CELL_CHARACTERS = 32 * 1024

# A spreadsheet evaluates a cell that begins with one of these ("CSV Injection", OWASP).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

# The formats of a principal's id, an object id or a user principal name.
_HEX = "[0-9A-Fa-f]"
GUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"

# Before the at sign: letters, digits and ' . - _ ! # ^ ~ (Entra, "userPrincipalName"), and + which synchronized
# directories have. After it: a domain name of two labels or more (RFC 1123).
_DOMAIN_LABEL = "(?!-)[A-Za-z0-9-]+(?<!-)"
PRINCIPAL = rf"(?:{GUID}|[A-Za-z0-9'._!#^~+-]{{1,64}}@(?:{_DOMAIN_LABEL}\.)+{_DOMAIN_LABEL})"
_PRINCIPAL = re.compile(PRINCIPAL)
_OBJECT_ID = re.compile(GUID)
_OBJECT_IDS = re.compile(rf" *{GUID} *(?:, *{GUID} *)*")


class Fault(NamedTuple):
    """What is wrong with a cell: the finding's code and message."""

    code: Code
    message: str


def quote_fault(cell: Cell) -> Fault:
    """The fault of a cell whose quoting is wrong."""
    if cell.fault is Code.UNCLOSED_QUOTE:
        return Fault(
            Code.UNCLOSED_QUOTE,
            'A quote (") opens the cell and is not closed, so that the rows after it became part of the cell. '
            "Close the quote, or remove it.",
        )
    return Fault(
        Code.STRAY_QUOTE,
        'There is a quote (") in the wrong place. Put the whole cell in quotes and double each quote inside it: '
        '"the ""main"" door".',
    )


def content_fault(  # noqa: PLR0911  # a rule each
    column: Column, cell: Cell, text: str, principal_types: Collection[str]
) -> Fault | None:
    """What is wrong with a cell's content; ``None`` if it is valid."""
    if "\0" in text:
        return Fault(Code.NUL_BYTE, "The cell contains a NUL byte, which is not text. Remove it.")
    if not cell.quoted and "\r" in text:
        return Fault(
            Code.LONE_CARRIAGE_RETURN,
            "The cell contains a carriage return without a line feed. End lines with LF or CRLF.",
        )
    if len(text) > MAX_CELL_CHARACTERS:
        return Fault(
            Code.FIELD_TOO_LONG, f"The cell has {len(text):,} characters. The limit is {MAX_CELL_CHARACTERS:,}."
        )
    if is_blank(text):
        return (
            Fault(Code.MISSING_VALUE, f"{column.name} is empty. Every row needs a value.") if column.required else None
        )
    if text.startswith('="'):
        return Fault(Code.VALUE_IN_FORMULA, f"'{shown(text)}' is a formula. Remove =\" and the last quote.")
    if column.required and (what := lost(text)) is not None:
        code = Code.MISSING_VALUE if is_no_value(text) else Code.DESTROYED_VALUE
        return Fault(code, f"'{shown(text)}' {what}. {column.name} needs a value in every row: export it again.")
    fault = _form_fault(column, text, principal_types)
    if fault is not None and (where := unseen(text)) is not None:
        seen = visible(text)
        if is_blank(seen) or _form_fault(column, seen, principal_types) is None:
            return Fault(fault.code, f"'{shown(seen)}' has a character that nobody sees: {where}.")
    return fault


def _form_fault(column: Column, text: str, principal_types: Collection[str]) -> Fault | None:
    """What is wrong with the form of a value, in the columns that require one."""
    if column.content is Content.PRINCIPAL and not is_principal(text):
        return Fault(
            Code.INVALID_PRINCIPAL_ID,
            f"'{shown(text)}' does not identify a user. Use the object id from Microsoft Entra (a GUID) or the user "
            "principal name (name@domain).",
        )
    if column.content is Content.PRINCIPAL_TYPE and text.lower() not in {name.lower() for name in principal_types}:
        return Fault(
            Code.UNKNOWN_PRINCIPAL_TYPE,
            f"'{shown(text)}' is not an accepted principal type. Accepted: {', '.join(sorted(principal_types))}.",
        )
    if column.content is Content.OWNERS and not is_json_strings(text):
        return Fault(
            Code.INVALID_OWNERS,
            f"'{shown(text)}' is not a JSON array of strings. Quote the cell and double each quote inside it: "
            '"[""a@contoso.com"",""b@contoso.com""]".',
        )
    if column.content is Content.OWNER_IDS and not is_object_ids(text):
        return Fault(
            Code.INVALID_OWNER_IDS,
            f"'{shown(text)}' is not a list of object ids from Microsoft Entra (GUIDs). Separate them by commas, and "
            "quote the cell.",
        )
    return None


def doubt(column: Column, text: str, *, is_id: bool) -> Fault | None:
    """The warning about a valid cell whose value may be another than was meant; ``is_id`` if it identifies the row."""
    what = lost(text) or perhaps_lost(text)
    if what is not None:
        return Fault(Code.DOUBTFUL_VALUE, f"'{shown(text)}' {what}. Is this what {column.name} has there?")
    if is_id and visible(text) != text and (where := unseen(text)) is not None:
        message = (
            f"{column.name} '{shown(visible(text))}' has a character that nobody sees: {where}. Here it is the same id "
            "as without it, elsewhere perhaps not."
        )
        return Fault(Code.INVISIBLE_CHARACTER, message)
    if encoded_twice(text):
        message = f"'{shown(text)}' was probably encoded as UTF-8 twice. Export the data again as CSV UTF-8."
        return Fault(Code.ENCODED_TWICE, message)
    return None


def is_principal(text: str) -> bool:
    """Whether a cell is an object id or a user principal name."""
    return bool(_PRINCIPAL.fullmatch(text))


def is_object_id(principal: str) -> bool:
    """Whether a valid principal is an object id, and not a user principal name."""
    return bool(_OBJECT_ID.fullmatch(principal))


def is_object_ids(text: str) -> bool:
    """Whether a cell is a comma-separated list of object ids."""
    return bool(_OBJECT_IDS.fullmatch(text))


def is_json_strings(text: str) -> bool:
    """Whether a cell is a JSON array of strings."""
    try:
        owners = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(owners, list) and all(isinstance(owner, str) for owner in owners)
