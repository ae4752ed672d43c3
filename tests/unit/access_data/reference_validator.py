"""A slow validator that is easy to check by reading: it takes the whole file at once, character by character.

It knows Graph's layout. Faults of the encoding and of the header are covered by the tables of cases.
"""

from dataclasses import dataclass, field
from uuid import UUID

COLUMNS = (
    *("principalId", "principalType", "permissionId"),
    *("permissionName", "permissionDescription", "permissionType"),
)
REQUIRED = COLUMNS[:4]

Place = tuple[str, int, str | None]


@dataclass
class Cell:
    line: int
    text: str = ""
    quoted: bool = False
    closed: bool = False
    stray: bool = False


@dataclass
class Outcome:
    """The result: codes with their line and column."""

    rows: int = 0
    findings: list[Place] = field(default_factory=list)
    warnings: list[Place] = field(default_factory=list)


def records(text: str) -> list[list[Cell]]:
    """All records, the header first. A line break at the end of the file ends the last record."""
    found: list[list[Cell]] = []
    line = 1
    cells = [Cell(line)]
    for index, letter in enumerate(text):
        cell = cells[-1]
        inside = cell.quoted and not cell.closed
        if inside and letter == '"':
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
            cell.stray = cell.stray or cell.quoted or letter == '"'
            cell.text += letter
    if cells != [Cell(line)]:
        found.append(cells)
    return found


def validate(text: str) -> Outcome:
    """Check a file of Graph's layout with its columns in their usual order."""
    outcome = Outcome()
    seen: set[tuple[bytes, bytes]] = set()
    duplicates: list[Place] = []
    blank: list[int] = []
    for cells in records(text)[1:]:
        first = cells[0]
        if len(cells) == 1 and not first.text and not first.quoted:
            blank.append(first.line)
            continue
        outcome.findings += [("blankLine", line, None) for line in blank]
        blank = []
        outcome.rows += 1
        if len(cells) != len(COLUMNS):
            unclosed = [cell for cell in cells if cell.quoted and not cell.closed]
            code = "tooFewFields" if len(cells) < len(COLUMNS) else "tooManyFields"
            outcome.findings.append(("unclosedQuote", unclosed[0].line, None) if unclosed else (code, first.line, None))
            continue
        for name, cell in zip(COLUMNS, cells, strict=True):
            wrong = fault(name, cell)
            if wrong:
                outcome.findings.append((wrong, cell.line, name))
            elif cell.text.startswith(("=", "+", "-", "@", "\t", "\r")):
                outcome.warnings.append(("formulaCell", cell.line, name))
        key = (cells[0].text.encode().lower(), cells[2].text.encode().lower())
        if key in seen:
            duplicates.append(("duplicatePermission", first.line, None))
        seen.add(key)
    if not outcome.findings:
        outcome.warnings += duplicates
    return outcome


def fault(name: str, cell: Cell) -> str | None:  # noqa: PLR0911  # a rule each
    if cell.quoted and not cell.closed:
        return "unclosedQuote"
    if cell.stray:
        return "strayQuote"
    if "\0" in cell.text:
        return "nulByte"
    if not cell.quoted and "\r" in cell.text:
        return "loneCarriageReturn"
    if not cell.text.strip(" \t\r\n"):
        return "missingValue" if name in REQUIRED else None
    if name == "principalId" and not is_principal(cell.text):
        return "invalidPrincipalId"
    if name == "principalType" and cell.text.lower() not in ("user", "entraiduser"):
        return "unknownPrincipalType"
    return None


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
