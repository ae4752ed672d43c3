"""A slow validator that is easy to check by reading: it takes the whole file at once, character by character.

Faults of the encoding and of the header are covered by the tables of cases.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from unicodedata import category, normalize
from uuid import UUID

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

Place = tuple[str, int, str | None]


@dataclass
class Cell:
    line: int
    text: str = ""
    quoted: bool = False
    closed: bool = False
    stray: bool = False
    array: bool = False


@dataclass
class Outcome:
    """The result: codes with their line and column."""

    rows: int = 0
    findings: list[Place] = field(default_factory=list)
    warnings: list[Place] = field(default_factory=list)


def records(text: str, line: int, array_column: int | None) -> Iterator[tuple[list[Cell], str]]:
    """All records with their line ends, the header first. A line break at the end of the file ends the last record."""
    start = 0
    while start < len(text):
        text = text[:start] + without_blanks(text[start:])
        cells, end = record(text, start, line, array_column)
        line += text.count("\n", start, end)
        ends_line = text[end - 1] == "\n"
        if ends_line or cells != [Cell(cells[0].line)]:
            yield cells, ("\r\n" if text[end - 2 : end] == "\r\n" else "\n") if ends_line else ""
        start = end


def record(text: str, start: int, line: int, array_column: int | None) -> tuple[list[Cell], int]:
    """The record at ``start``, and where it ends."""
    cells = [Cell(line)]
    array_end = 0
    for index in range(start, len(text)):
        letter = text[index]
        cell = cells[-1]
        inside = cell.quoted and not cell.closed
        if letter == "[" and len(cells) - 1 == array_column and not cell.text and not cell.quoted and not cell.array:
            cell.array = True
            array_end = end_of_array(text, index)
        if index < array_end:
            cell.text += letter
        elif inside and letter == '"':
            # A doubled quote means one quote: the second of the two opens the cell again.
            cell.closed = True
        elif inside:
            cell.text += letter
            line += letter == "\n"
        elif cell.quoted and letter == '"' and text[index - 1] == '"' and not cell.stray:
            cell.text += letter
            cell.closed = False
        elif letter == '"' and not cell.text and not cell.quoted:
            cell.quoted = True
        elif letter == ",":
            cells.append(Cell(line))
        elif letter == "\n":
            return cells, index + 1
        elif letter == "\r" and text[index + 1 : index + 2] in ("\n", ""):
            pass
        else:
            cell.stray = cell.stray or cell.quoted or (letter == '"' and not cell.array)
            cell.text += letter
    return cells, len(text)


def without_blanks(text: str) -> str:
    """The text without the blanks beside quotes in its first record, if every quote there opens or closes a cell."""
    plain = ""
    index = 0
    while True:
        begin = index
        while text[index : index + 1] in (" ", "\t"):
            index += 1
        if text[index : index + 1] == '"':
            close = index + 1
            while text[close : close + 1] != '"' or text[close : close + 2] == '""':
                if close >= len(text):
                    return text
                close += 2 if text[close : close + 2] == '""' else 1
            plain += text[index : close + 1]
            index = close + 1
            while text[index : index + 1] in (" ", "\t"):
                index += 1
            if text[index : index + 1] not in ("", ",", "\n") and text[index : index + 2] not in ("\r\n", "\r"):
                return text
            begin = index
        while text[index : index + 1] not in ("", ",", "\n", '"'):
            index += 1
        plain += text[begin:index]
        if text[index : index + 1] == '"':
            return text
        if text[index : index + 1] != ",":
            return plain + text[index:]
        plain += ","
        index += 1


def end_of_array(text: str, start: int) -> int:
    """Where the JSON array that begins at ``start`` ends: after the first bracket outside strings, or with the line."""
    in_string = escaped = False
    for index in range(start, len(text)):
        letter = text[index]
        if letter == "\n":
            break
        if escaped:
            escaped = False
        elif in_string:
            escaped = letter == "\\"
            in_string = letter != '"'
        elif letter == '"':
            in_string = True
        elif letter == "]":
            return index + 1
    # Not closed: up to the end of the line, without its line break.
    line = text[start:].split("\n", maxsplit=1)[0]
    return start + len(line.removesuffix("\r"))


def validate(text: str) -> Outcome:  # noqa: PLR0912  # a rule each
    """Check a file of any layout with its columns in their usual order."""
    outcome = Outcome()
    seen: set[tuple[bytes, ...]] = set()
    names: list[int] = []
    owned = False
    duplicates: list[Place] = []
    without_values: list[tuple[int, bool]] = []  # the lines, and whether they are blank
    sep = re.match(r"sep=,(\r*\n|\r)", text)
    text = text[sep.end() :] if sep else text
    line = 2 if sep else 1
    text, converted = with_plain_ends(text, line)
    early = text.startswith(EARLY_COLUMNS[0])
    columns = next(each for each in (EARLY_COLUMNS, EXTENDED_COLUMNS, COLUMNS) if text.startswith(",".join(each)))
    key_columns = [0, 5] if early else [0, 2, 6] if columns == EXTENDED_COLUMNS else [0, 2]
    array_column = len(columns) - 1 if early else None
    (_, header_break), *rows = records(text, line, array_column)
    for cells, line_break in rows:
        first = cells[0]
        if is_without_values(cells, line_break):
            without_values.append((first.line, cells == [Cell(first.line)]))
            continue
        if without_values and "blankLine" not in [code for code, _, _ in outcome.findings]:
            outcome.findings.append(("blankLine", without_values[0][0], None))
        without_values = []
        outcome.rows += 1
        if line_break and line_break != header_break:
            converted.append(first.line)
        if len(cells) != len(columns):
            outcome.findings.append(wrong_count(columns, cells, array_column))
            continue
        for name, cell in zip(columns, cells, strict=True):
            wrong = fault(name, cell)
            if wrong:
                outcome.findings.append((wrong, cell.line, name))
            elif doubt(name, cell.text, [columns[each] for each in key_columns[1:]]):
                place = (doubt(name, cell.text, [columns[each] for each in key_columns[1:]]), cell.line, name)
                if place[::2] not in [(code, column) for code, _, column in outcome.warnings]:
                    outcome.warnings.append(place)
            elif cell.text.startswith(("=", "+", "-", "@", "\t", "\r")):
                outcome.warnings.append(("formulaCell", cell.line, name))
            elif cell.array and '"' in cell.text:
                outcome.warnings.append(("unquotedOwners", cell.line, name))
        names += [first.line] if "@" in first.text else []
        owned = owned or any(not is_blank(cells[columns.index(name)].text) for name in OWNER_IDS if name in columns)
        key = tuple(visible(cells[column].text).encode().lower() for column in key_columns)
        if key in seen:
            duplicates.append(("duplicatePermission", first.line, None))
        seen.add(key)
    outcome.findings = [
        place for index, place in enumerate(outcome.findings) if not said(place, outcome.findings[:index])
    ]
    if not outcome.findings:
        outcome.warnings[:0] = file_warnings(columns, line, names, owned or not outcome.rows)
        converted += [line for line, is_blank_line in without_values if not is_blank_line]
        converted += blanks_beside_quotes(text, line, array_column)
        converted += [1] if sep else []
        if converted:
            outcome.warnings.insert(0, ("converted", min(converted), None))
        outcome.warnings += duplicates
        if not outcome.rows:
            outcome.warnings.append(("noRows", line, None))
    return outcome


def said(place: Place, before: list[Place]) -> bool:
    """Whether a fault that has one finding for all lines has it already."""
    return place[0] in ("surplusCells", "destroyedValue") and place[::2] in [each[::2] for each in before]


def with_plain_ends(text: str, line: int) -> tuple[str, list[int]]:
    """The text with plain line ends and without end-of-file characters; and the lines where it was changed."""
    converted = []
    header_end = min(place for place in (text.find("\r"), text.find("\n"), len(text)) if place >= 0)
    if re.match(r"\r(?!\r*\n)", text[header_end:]):
        converted.append(line)
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = text.rstrip("\x1a\0")
    if plain != text:
        converted.append(line + plain.count("\n"))
    text = re.sub("\r\r+\n", "\r\n", plain)
    if text != plain:
        converted.append(line + plain[: plain.index("\r\r\n")].count("\n"))
    return text, converted


def is_without_values(cells: list[Cell], line_break: str) -> bool:
    if line_break and len(cells) == 1 and not cells[0].quoted and not cells[0].text.strip("\x1a\0"):
        return True
    return all(is_blank(cell.text) and not fault_of_quotes(cell) for cell in cells)


def blanks_beside_quotes(text: str, line: int, array_column: int | None) -> list[int]:
    """The lines of the records with blanks beside quotes."""
    found = []
    while text:
        if without_blanks(text) != text:
            found.append(line)
            text = without_blanks(text)
        _, end = record(text, 0, line, array_column)
        line += text.count("\n", 0, end)
        text = text[end:]
    return found


def file_warnings(columns: tuple[str, ...], line: int, names: list[int], owned: bool) -> list[Place]:
    found: list[Place] = []
    if names:
        found.append(("principalIsNotAnObjectId", names[0], columns[0]))
    if columns == EXTENDED_COLUMNS and not owned:
        found.append(("noOwners", line, None))
    return found


def wrong_count(columns: tuple[str, ...], cells: list[Cell], array_column: int | None) -> Place:
    faults = [(fault_of_quotes(cell), index) for index, cell in enumerate(cells)]
    for index in [index for code, index in faults if code == "unclosedQuote"]:
        return "unclosedQuote", cells[index].line, name_of(columns, index)
    if array_column is not None and array_column < len(cells) and cells[array_column].array:
        name = columns[array_column]
        wrong = fault(name, cells[array_column])
        if wrong:
            return wrong, cells[array_column].line, name
    if len(cells) < len(columns):
        return "tooFewFields", cells[0].line, columns[len(cells)]
    stray = [index for code, index in faults if code == "strayQuote"]
    if not stray and all(not cell.text.strip() for cell in cells[len(columns) :]):
        return "surplusCells", cells[0].line, None
    return "tooManyFields", cells[0].line, name_of(columns, stray[0]) if stray else None


def name_of(columns: tuple[str, ...], index: int) -> str | None:
    return columns[index] if index < len(columns) else None


def fault_of_quotes(cell: Cell) -> str | None:
    if cell.quoted and not cell.closed:
        return "unclosedQuote"
    if cell.stray:
        # The quote that closes a cell some lines below belongs to another row.
        return "unclosedQuote" if cell.quoted and "\n" in cell.text else "strayQuote"
    return None


def fault(name: str, cell: Cell) -> str | None:  # noqa: PLR0911  # a rule each
    if fault_of_quotes(cell):
        return fault_of_quotes(cell)
    if "\0" in cell.text:
        return "nulByte"
    if not cell.quoted and "\r" in cell.text:
        return "loneCarriageReturn"
    if is_blank(cell.text):
        return "missingValue" if name in REQUIRED else None
    if name in REQUIRED and is_lost(cell.text) and cell.text.lower() not in ("na", "n/a", "none"):
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
    if is_lost(text):
        return "doubtfulValue"
    if name in ids and visible(text) != text:
        return "invisibleCharacter"
    return "encodedTwice" if "Ã¼" in text else ""


def is_lost(text: str) -> bool:
    return text.lower() in ("null", "\\n", "na", "n/a", "none", "#n/a") or text == "1.23457E+11"


def visible(text: str) -> str:
    text = "".join(
        " " if is_blank(each) and each != "\t" and category(each) != "Cf" else each for each in normalize("NFC", text)
    )
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
