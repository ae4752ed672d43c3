"""The rules for one cell: its quoting and its content."""

import json
import re
from collections.abc import Collection
from typing import NamedTuple

from ..codes import Code
from ..findings import shown
from ..layouts import Column, Content
from .records import Cell

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
    if not text.strip(" \t\r\n"):
        return (
            Fault(Code.MISSING_VALUE, f"{column.name} is empty. Every row needs a value.") if column.required else None
        )
    if column.content is Content.PRINCIPAL and not _PRINCIPAL.fullmatch(text):
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
    if column.content is Content.OWNERS and not _is_json_strings(text):
        return Fault(
            Code.INVALID_OWNERS,
            f"'{shown(text)}' is not a JSON array of strings. Quote the cell and double each quote inside it: "
            '"[""a@contoso.com"",""b@contoso.com""]".',
        )
    return None


def _is_json_strings(text: str) -> bool:
    try:
        owners = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(owners, list) and all(isinstance(owner, str) for owner in owners)
