"""The rules for one cell, slowly and plainly: its content, and what is seen of it."""

import json
from unicodedata import category, normalize
from uuid import UUID

from tests.unit.access_data.reference_records import Cell, fault_of_quotes

COLUMNS = (
    *("principalId", "principalType", "permissionId"),
    *("permissionName", "permissionDescription", "permissionType"),
)
EARLY_COLUMNS = (
    *("PrincipalAADId", "ResourceId", "ResourceName", "ResourceDescription", "ResourceType"),
    *("PermissionId", "PermissionName", "PermissionDescription", "PermissionType", "ResourceOwners"),
)
EXTENDED_COLUMNS = (
    *COLUMNS,
    *("ScopeId", "ScopeDisplayName", "EntitlementOwners_Users", "EntitlementOwners_Groups", "CustomData"),
)
OWNER_IDS = EXTENDED_COLUMNS[8:10]
REQUIRED = (*COLUMNS[:4], "PrincipalAADId", "ResourceId", "PermissionId", "PermissionName")


def fault(name: str, cell: Cell) -> str | None:  # noqa: PLR0911  # a rule each
    if fault_of_quotes(cell):
        return fault_of_quotes(cell)
    if "\0" in cell.text:
        return "nulByte"
    if not cell.quoted and "\r" in cell.text:
        return "loneCarriageReturn"
    if is_blank(cell.text):
        return "missingValue" if name in REQUIRED else None
    if cell.text.startswith('="'):
        return "valueInFormula"
    if name in REQUIRED and is_lost(cell.text):
        return "missingValue" if cell.text.lower() in ("null", "\\n") else "destroyedValue"
    if name in ("principalId", "PrincipalAADId") and not is_principal(cell.text):
        return "invalidPrincipalId"
    if name == "principalType" and cell.text.lower() not in ("user", "entraiduser"):
        return "unknownPrincipalType"
    if name == "ResourceOwners" and not is_array_of_strings(cell.text):
        return "invalidOwners"
    if name in OWNER_IDS and not all(is_guid(each.strip(" ")) for each in cell.text.split(",")):
        return "invalidOwnerIds"
    return None


def doubt(name: str, text: str, ids: list[str]) -> str:
    if is_lost(text) or may_be_lost(text):
        return "doubtfulValue"
    if name in ids and visible(text) != normalize("NFC", text):
        return "invisibleCharacter"
    return "encodedTwice" if "Ã¼" in text else ""


def is_lost(text: str) -> bool:
    return text.lower() in ("null", "\\n", "#n/a") or text == "1.23457E+11"


def may_be_lost(text: str) -> bool:
    is_list = len(text) >= 4 and text.startswith("['") and text.endswith("']")
    return is_list or text.lower() in ("na", "n/a", "none")


def visible(text: str) -> str:
    text = "".join(
        " " if is_blank(each) and each != "\t" and category(each) != "Cf" else each for each in normalize("NFC", text)
    )
    text = text.replace("\u2010", "-").replace("\u2011", "-")
    return "".join(each for each in text if each == "\t" or category(each) not in ("Cf", "Cc")).strip(" \t")


def is_blank(text: str) -> bool:
    # Python's isspace() has four control characters that Unicode does not call white space.
    return all((each.isspace() and each not in "\x1c\x1d\x1e\x1f") or category(each) == "Cf" for each in text)


def is_array_of_strings(text: str) -> bool:
    try:
        array = json.loads(text)
    except ValueError:
        return False
    return isinstance(array, list) and all(isinstance(each, str) for each in array)


def is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def is_principal(text: str) -> bool:
    if is_guid(text):
        return True
    local, at, domain = text.partition("@")
    labels = domain.split(".")
    return (
        bool(at)
        and 1 <= len(local) <= 64
        and all(letter.isascii() and (letter.isalnum() or letter in "'._!#^~+-") for letter in local)
        and len(labels) >= 2
        and all(
            label
            and all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in label)
            and label[0] != "-"
            and label[-1] != "-"
            for label in labels
        )
    )
