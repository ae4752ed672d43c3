"""A slow validator that is easy to check by reading: it takes the whole file at once, character by character.

It knows Graph's layout and the early one. Faults of the encoding and of the header are covered by the tables of cases.
"""

import json
from dataclasses import dataclass, field
from uuid import UUID

COLUMNS = (
    *("principalId", "principalType", "permissionId"),
    *("permissionName", "permissionDescription", "permissionType"),
)
EARLY_COLUMNS = (
    *("PrincipalAADId", "ResourceId", "ResourceName", "ResourceDescription", "ResourceType"),
    *("PermissionId", "PermissionName", "PermissionDescription", "PermissionType", "ResourceOwners"),
)
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


def records(text: str, line: int, array_column: int | None) -> list[list[Cell]]:
    """All records, the header first. A line break at the end of the file ends the last record."""
    found: list[list[Cell]] = []
    cells = [Cell(line)]
    array_end = 0
    for index, letter in enumerate(text):
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
            line += 1
            found.append(cells)
            cells = [Cell(line)]
        elif letter == "\r" and text[index + 1 : index + 2] in ("\n", ""):
            pass
        else:
            cell.stray = cell.stray or cell.quoted or (letter == '"' and not cell.array)
            cell.text += letter
    if cells != [Cell(line)]:
        found.append(cells)
    return found


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


def validate(text: str) -> Outcome:
    """Check a file of Graph's layout or the early one with its columns in their usual order."""
    outcome = Outcome()
    seen: set[tuple[bytes, bytes]] = set()
    duplicates: list[Place] = []
    blank: list[int] = []
    line = 1
    if text.startswith("sep=,"):
        text = text.split("\n", maxsplit=1)[1]
        line = 2
    early = text.startswith(EARLY_COLUMNS[0])
    columns = EARLY_COLUMNS if early else COLUMNS
    array_column = len(columns) - 1 if early else None
    for cells in records(text, line, array_column)[1:]:
        first = cells[0]
        if len(cells) == 1 and not first.text and not first.quoted:
            blank.append(first.line)
            continue
        outcome.findings += [("blankLine", line, None) for line in blank]
        blank = []
        outcome.rows += 1
        if len(cells) != len(columns):
            outcome.findings.append(wrong_count(columns, cells, array_column))
            continue
        for name, cell in zip(columns, cells, strict=True):
            wrong = fault(name, cell)
            if wrong:
                outcome.findings.append((wrong, cell.line, name))
            elif cell.text.startswith(("=", "+", "-", "@", "\t", "\r")):
                outcome.warnings.append(("formulaCell", cell.line, name))
            elif cell.array and '"' in cell.text:
                outcome.warnings.append(("unquotedOwners", cell.line, name))
        key = (cells[0].text.encode().lower(), cells[5 if early else 2].text.encode().lower())
        if key in seen:
            duplicates.append(("duplicatePermission", first.line, None))
        seen.add(key)
    if not outcome.findings:
        outcome.warnings += duplicates
        if not outcome.rows:
            outcome.warnings.append(("noRows", line, None))
    return outcome


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
    if not cell.text.strip(" \t\r\n"):
        return "missingValue" if name in REQUIRED else None
    if name in ("principalId", "PrincipalAADId") and not is_principal(cell.text):
        return "invalidPrincipalId"
    if name == "principalType" and cell.text.lower() not in ("user", "entraiduser"):
        return "unknownPrincipalType"
    if name == "ResourceOwners" and not is_array_of_strings(cell.text):
        return "invalidOwners"
    return None


def is_array_of_strings(text: str) -> bool:
    try:
        array = json.loads(text)
    except ValueError:
        return False
    return isinstance(array, list) and all(isinstance(each, str) for each in array)


def is_principal(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        pass
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
